// Shapes, scalars and random numbers: the facts the rest builds on.
#include <gtest/gtest.h>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/core/isa.h"
#include "assay/core/number_beside.h"
#include "assay/core/quad.h"
#include "assay/core/random.h"
#include "assay/core/tensor.h"
#include "support/forced_isa.h"

namespace assay {
namespace {

TEST(Shape, BroadcastFollowsNumpy) {
  EXPECT_EQ(broadcast(Shape{3, 1, 5}, Shape{4, 1}), (Shape{3, 4, 5}));
  EXPECT_EQ(broadcast(Shape{}, Shape{2}), (Shape{2}));
  EXPECT_EQ(broadcast(Shape{0}, Shape{1}), (Shape{0}));
  EXPECT_THROW(broadcast(Shape{2}, Shape{3}), Error);
}

TEST(Shape, RejectsOverflowAndNegatives) {
  EXPECT_THROW((Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
  EXPECT_THROW((Shape{-1}), Error);
  EXPECT_EQ((Shape{5, 0, 3}).count(), 0);
}

TEST(Random, PhiloxKnownAnswer) {
  // Random123's known-answer file: philox4x32-10 with counter 0 and key 0.
  const auto bits = random_bits({0, 0}, 0, 0, 0);
  EXPECT_EQ(bits[0], 0x6627e8d5u);
  EXPECT_EQ(bits[1], 0xe169c58du);
  EXPECT_EQ(bits[2], 0xbc57ac4cu);
  EXPECT_EQ(bits[3], 0x9b00dbd8u);
}

// √(−2 log u) cos 2πv of the same bits in quad. The logarithm is within 1 ulp, of which the root leaves half,
// and the cosine within 2; root and product are rounded once each; an ulp is at most 2u of the value. In
// units of u: 2 (½ + 2) + 2 = 7, and terms of u² for which the unit roundoff of quad stands in.
TEST(Random, NormalsAreThoseOfBoxAndMuller) {
  const RandomStream stream{11, 5};
  const Quad turn = 8 * atan_of_one(Quad());
  const auto unit = [](std::uint32_t high, std::uint32_t low) {
    return ldexp(Quad(static_cast<std::int64_t>((std::uint64_t{high} << 32 | low) >> 11)), -53);
  };
  for (std::uint32_t e = 0; e < 5000; ++e) {
    const auto bits = random_bits(stream, 1, 2, e);
    const Quad radius = sqrt(-2 * log(1 - unit(bits[0], bits[1])));
    const Quad expected = radius * cos(turn * unit(bits[2], bits[3]));
    EXPECT_LE(abs(Quad(random_normal(stream, 1, 2, e)) - expected), 7 * ldexp(abs(expected), -53)) << e;
  }
}

TEST(Random, ManyNormalsAreTheSameBitsOnEveryInstructionSet) {
  const RandomStream stream{0x123456789abcdef0, 77};
  for (Isa isa : all_isas()) {
    if (!is_supported(isa)) continue;
    const test::ForcedIsa forced(isa);
    for (std::size_t count : {0u, 1u, 63u, 64u, 65u, 1000u}) {
      std::vector<double> many(count);
      random_normals(stream, 3, 4, 0xffffff00u, many);
      for (std::size_t i = 0; i < count; ++i)
        EXPECT_EQ(many[i], random_normal(stream, 3, 4, 0xffffff00u + static_cast<std::uint32_t>(i)))
            << name_of(isa) << ", element " << i << " of " << count;
    }
  }
}

TEST(Random, BelowStaysInRange) {
  for (std::uint32_t e = 0; e < 1000; ++e) EXPECT_LT(random_below({7, 1}, 2, 3, e, 13), 13u);
}

TEST(Dual, DerivativeOfSigmoidIsTheArticles) {
  const Dual<Quad> z(Quad(1) / 3, Quad(1));
  const Dual<Quad> s = sigmoid(z);
  const Quad expected = s.value * (1 - s.value);
  // γ_16 at quad's unit roundoff: neither side takes more than eight roundings.
  EXPECT_LE(abs(Quad(s.derivative - expected)), Quad(16) * ldexp(expected, -113));
}

TEST(Lattice, OverflowAndRemainderStick) {
  const Lattice big(std::int64_t{1} << 62);
  EXPECT_FALSE((big + big).valid());
  EXPECT_FALSE((Lattice(3) / Lattice(2)).valid());
  EXPECT_FALSE((big + big) == (big + big));
  EXPECT_TRUE(Lattice(6) / Lattice(2) == Lattice(3));
}

template <class T>
class EveryScalar : public ::testing::Test {};
using Scalars = ::testing::Types<float, double, Quad, Dual<double>, Dual<Quad>, Bound32, Bound64>;
TYPED_TEST_SUITE(EveryScalar, Scalars);

TYPED_TEST(EveryScalar, TakesNumbersBesideItInFunctionsOfTwo) {
  const TypeParam x(1.5);
  EXPECT_TRUE(maximum(x, 0) == x && maximum(0, x) == x && maximum(x, 2.25) == TypeParam(2.25));
  EXPECT_TRUE(minimum(x, 2) == x && minimum(2, x) == x && minimum(x, 0.25) == TypeParam(0.25));
  if constexpr (std::is_class_v<TypeParam>) {  // of float and double, std::pow takes any numbers
    EXPECT_TRUE(value_of(pow(x, 2)) == value_of(pow(x, TypeParam(2))));
    EXPECT_TRUE(value_of(pow(2, x)) == value_of(pow(TypeParam(2), x)));
  }
}

TEST(Tensor, ConvertsThroughEveryDtype) {
  const double values[] = {0, 1, 2, 3};
  for (DType dtype : all_dtypes()) {
    const Tensor t = Tensor::of(dtype, Shape{2, 2}, values);
    EXPECT_EQ(to_doubles(t.view()), (std::vector<double>{0, 1, 2, 3})) << name_of(dtype);
  }
}

TEST(Error, NamesTheNearest) {
  const std::vector<std::string> known{"learning_rate", "momentum"};
  EXPECT_EQ(nearest_name("learning_rte", known), "learning_rate");
  EXPECT_EQ(nearest_name("zzz", known), "");
}

}  // namespace
}  // namespace assay
