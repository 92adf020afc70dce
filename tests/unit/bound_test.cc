// The bound scalar: what it grants covers what floats do, in any order, and is not much more.
#include "assay/core/bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "assay/core/random.h"

namespace assay {
namespace {

double draw(std::uint32_t i, std::uint32_t stream = 1) {
  return static_cast<float>(random_normal({7, stream}, 0, 0, i));
}

TEST(Bound, SumsAreBoundedInAnyOrder) {
  for (const int n : {1, 2, 3, 17, 1000}) {
    std::vector<float> a(n), b(n);
    Bound32 sum = 0;
    for (int i = 0; i < n; ++i) {
      a[i] = static_cast<float>(draw(i, 1));
      b[i] = static_cast<float>(draw(i, 2));
      sum += Bound32::exact(a[i]) * Bound32::exact(b[i]);
    }
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    for (int round = 0; round < 20; ++round) {
      for (int i = n - 1; i > 0; --i) std::swap(order[i], order[random_below({9, 3}, round, 0, i, i + 1)]);
      float plain = 0, fused = 0;
      for (int i : order) {
        plain += a[i] * b[i];
        fused = std::fma(a[i], b[i], fused);
      }
      EXPECT_LE(std::abs(plain - sum.value), sum.error()) << n;
      EXPECT_LE(std::abs(fused - sum.value), sum.error()) << n;
    }
  }
}

TEST(Bound, OneOperationIsBoundedByItsRounding) {
  const Bound32 a = Bound32::exact(draw(1)), b = Bound32::exact(draw(2));
  // One rounding of the narrow format and two of the wide one, and the smallest subnormal for a product.
  EXPECT_EQ((a + b).error(), Bound32::unit() * std::abs(a.value + b.value));
  EXPECT_EQ((a - b).error(), Bound32::unit() * std::abs(a.value - b.value));
  EXPECT_EQ((a * b).error(), Bound32::unit() * std::abs(a.value * b.value) + Bound32::underflow());
}

TEST(Bound, FunctionsCoverFloats) {
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const float z = static_cast<float>(4 * draw(i));
    const auto covers = [&](float got, const Bound32& bound) {
      EXPECT_LE(std::abs(got - bound.value), bound.error()) << z;
    };
    covers(sigmoid(z), sigmoid(Bound32::exact(z)));
    covers(softplus(z), softplus(Bound32::exact(z)));
    covers(std::tanh(z), tanh(Bound32::exact(z)));
    covers(z * sigmoid(z), Bound32::exact(z) * sigmoid(Bound32::exact(z)));
    covers(std::sqrt(std::abs(z)), sqrt(abs(Bound32::exact(z))));
  }
}

TEST(Bound, ConstantsCarryTheirRounding) {
  EXPECT_EQ(Bound32(0.5).error(), 0.0);
  EXPECT_EQ(Bound32(0.1).error(), std::abs(0.1 - static_cast<double>(0.1f)));
  EXPECT_EQ(static_cast<double>(Bound64(0.1).error()), 0.0);
}

TEST(Bound, AFaultAboveTheBoundIsSeen) {
  Bound32 sum = 0;
  double exact = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    sum += Bound32::exact(std::abs(draw(i)));
    exact += std::abs(draw(i));
  }
  EXPECT_GT(std::abs(exact * (1 + 1e-5) - sum.value), sum.error());
}

TEST(Bound, DivisionByWhatMayBeZeroIsUnbounded) {
  const Bound32 tiny = Bound32::exact(1e10) + Bound32::exact(-1e10);
  const Bound32 quotient = Bound32::exact(1) / (tiny + Bound32::exact(1e-3));
  EXPECT_FALSE(std::isfinite(quotient.error()));
}

TEST(Bound, TheContractIsGranted) {
  const Bound32 strict = exp(Bound32::exact(1.0));
  const WithContract lenient(FunctionContract{16.0, 0.0});
  EXPECT_GT(exp(Bound32::exact(1.0)).error(), 5 * strict.error());
}

}  // namespace
}  // namespace assay
