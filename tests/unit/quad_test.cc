// Quad's arithmetic against Boost.Multiprecision: equal bits to a result of 400 bits that is rounded once.
// (Not to that of cpp_bin_float_quad itself: Boost 1.74 rounds a sum of two numbers wrongly, by one unit in
// the last place, in one of some thousands of pairs whose exponents lie 113 or 114 apart.)
#include "assay/core/quad.h"

#include <gtest/gtest.h>

#include <boost/math/special_functions/expm1.hpp>
#include <boost/math/special_functions/log1p.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "assay/core/random.h"

namespace assay {
namespace {

namespace bmp = boost::multiprecision;
using Rounded = bmp::number<bmp::cpp_bin_float_quad::backend_type, bmp::et_off>;
using Wide = bmp::number<bmp::cpp_bin_float<400, bmp::digit_base_2>, bmp::et_off>;

// A number of at most 113 significant bits in both, between 2^-92 and 2^61.
struct Pair {
  Quad quad;
  Wide wide;
};

Pair draw(std::uint32_t element) {
  const auto bits = random_bits({19, 1}, 0, 0, element);
  const double high =
      static_cast<double>(static_cast<std::int32_t>(bits[0])) + random_uniform({19, 2}, 0, 0, element);
  const double low = std::ldexp(random_uniform({19, 3}, 0, 0, element), -28);
  const int exponent = static_cast<int>(bits[1] % 120) - 90;
  return {ldexp(Quad(high) + Quad(low), exponent), ldexp(Wide(Wide(high) + Wide(low)), exponent)};
}

// 36 digits name a binary128 number.
void expect_same(const Quad& quad, const Wide& exact) {
  EXPECT_EQ(quad.to_string(36), Rounded(exact).str(36, std::ios_base::scientific));
}

TEST(Quad, ArithmeticIsRoundedToNearest) {
  for (std::uint32_t e = 0; e < 3000; ++e) {
    const Pair a = draw(2 * e), b = draw(2 * e + 1);
    expect_same(a.quad + b.quad, a.wide + b.wide);
    expect_same(a.quad - b.quad, a.wide - b.wide);
    expect_same(a.quad * b.quad, a.wide * b.wide);
    expect_same(a.quad / b.quad, a.wide / b.wide);
    expect_same(abs(a.quad), abs(a.wide));
    expect_same(-a.quad, -a.wide);
    expect_same(floor(a.quad), floor(a.wide));
    expect_same(ceil(a.quad), ceil(a.wide));
    EXPECT_EQ(a.quad < b.quad, a.wide < b.wide);
    EXPECT_EQ(a.quad <= b.quad, a.wide <= b.wide);
    EXPECT_EQ(a.quad == b.quad, a.wide == b.wide);
    EXPECT_EQ(static_cast<double>(a.quad), static_cast<double>(a.wide));
    EXPECT_EQ(static_cast<float>(a.quad), static_cast<float>(a.wide));
    EXPECT_EQ(static_cast<std::int64_t>(a.quad), static_cast<std::int64_t>(a.wide));
  }
}

// The root's last step rounds twice at most: within one unit of 2^-112, and exact where the root is a number.
TEST(Quad, RootsAreWithinAnUlp) {
  for (std::uint32_t e = 0; e < 3000; ++e) {
    const Pair a = draw(e);
    const Quad x = abs(a.quad), root = sqrt(x),
               exact = Quad::parse(Rounded(sqrt(abs(a.wide))).str(36, std::ios_base::scientific));
    EXPECT_LE(abs(root - exact), ldexp(exact, -112));
    const Quad whole = Quad(static_cast<std::int64_t>(e) * 1234567 + 1);
    EXPECT_EQ(sqrt(ldexp(whole * whole, 2 * static_cast<int>(e) - 3000)),
              ldexp(whole, static_cast<int>(e) - 1500));
  }
}

// By the last operations that lead to a result: up to three roundings of at most a unit of 2^-112 each.
TEST(Quad, FunctionsAreWithinThreeUlps) {
  const auto expect_near = [](const Quad& got, const Wide& exact, const char* function, const Wide& x) {
    const Quad want = Quad::parse(Rounded(exact).str(36, std::ios_base::scientific));
    EXPECT_LE(abs(got - want), ldexp(abs(want), -112) * Quad(3)) << function << " of " << x;
  };
  for (std::uint32_t e = 0; e < 400; ++e) {
    // Of any size between 2^-70 and 2^12, and of order one.
    for (const int size : {static_cast<int>(e % 82) - 70, static_cast<int>(e % 3) - 1}) {
      const double high = std::ldexp(random_uniform({23, 1}, 0, 0, e) + 1, size);
      const double low = std::ldexp(random_uniform({23, 2}, 0, 0, e), size - 59);
      const Quad x = Quad(high) + Quad(low);
      const Wide wide = Wide(high) + Wide(low);
      expect_near(exp(x), exp(wide), "exp", wide);
      expect_near(exp(-x), exp(Wide(-wide)), "exp", -wide);
      expect_near(log(x), log(wide), "log", wide);
      expect_near(expm1(x), expm1(wide), "expm1", wide);
      expect_near(expm1(-x), expm1(Wide(-wide)), "expm1", -wide);
      expect_near(log1p(x), log1p(wide), "log1p", wide);
      if (wide < 1) expect_near(log1p(-x), log1p(Wide(-wide)), "log1p", -wide);
      expect_near(tanh(x), tanh(wide), "tanh", wide);
    }
  }
}

TEST(Quad, TheEndsOfTheFormat) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Quad nan(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(nan == nan);
  EXPECT_FALSE(nan < Quad(1));
  EXPECT_FALSE(isfinite(nan));
  EXPECT_FALSE(isfinite(Quad(infinity)));
  EXPECT_EQ(sqrt(Quad(infinity)), Quad(infinity));
  for (const Quad& x :
       {nan, sqrt(Quad(-1)), log(Quad(-1)), Quad(infinity) - Quad(infinity), exp(nan), log(nan), expm1(nan),
        log1p(nan), log1p(Quad(-2)), log1p(Quad(-infinity)), floor(nan)})
    EXPECT_FALSE(x == x);
  EXPECT_EQ(log(Quad(0)), Quad(-infinity));
  EXPECT_EQ(exp(Quad(-infinity)), Quad(0));
  EXPECT_EQ(exp(Quad(infinity)), Quad(infinity));
  EXPECT_EQ(exp(Quad(0)), Quad(1));
  EXPECT_EQ(expm1(Quad(-infinity)), Quad(-1));
  EXPECT_EQ(expm1(Quad(infinity)), Quad(infinity));
  EXPECT_EQ(log(Quad(1)), Quad(0));
  EXPECT_EQ(log(Quad(infinity)), Quad(infinity));
  EXPECT_EQ(log1p(Quad(-1)), Quad(-infinity));
  EXPECT_EQ(log1p(Quad(infinity)), Quad(infinity));
  EXPECT_EQ(Quad(1) / log1p(Quad(-0.0)), Quad(-infinity));
  EXPECT_EQ(Quad(1) / expm1(Quad(-0.0)), Quad(-infinity));
  // Subnormal numbers of the format itself.
  EXPECT_LE(abs(log(ldexp(Quad(1), -16400)) - Quad(-16400) * log(Quad(2))), ldexp(Quad(16400), -112));
  EXPECT_EQ(exp(Quad(-11500)), Quad(0));
  EXPECT_GT(exp(Quad(-11400)), Quad(0));
  EXPECT_EQ(Quad(1) / Quad(-0.0), Quad(-infinity));
  EXPECT_EQ(Quad(1) / sqrt(Quad(-0.0)), Quad(-infinity));
  EXPECT_EQ(static_cast<double>(Quad(5e-324)), 5e-324);
  EXPECT_EQ(ldexp(ldexp(Quad(3), -16380), 16380), Quad(3));
  EXPECT_EQ(ldexp(Quad(3), -40000), Quad(0));
  EXPECT_EQ(ldexp(Quad(3), 40000), Quad(infinity));
  // Once: by way of double, 1 + 2^-24 + 2^-60 would become a tie of float and then 1.
  const Quad above_a_tie = Quad(1) + ldexp(Quad(1), -24) + ldexp(Quad(1), -60);
  EXPECT_EQ(static_cast<float>(above_a_tie), 1.0f + std::numeric_limits<float>::epsilon());
  EXPECT_EQ(static_cast<double>(Quad(1e308) * Quad(10)), infinity);
}

}  // namespace
}  // namespace assay
