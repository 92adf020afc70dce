#include "assay/core/quad.h"

#include <array>
#include <bit>
#include <boost/math/special_functions/erf.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numbers>

namespace assay {
namespace {

// Several times as fast as cpp_bin_float_quad (tests/unit/quad_test.cc).
#if defined(__SIZEOF_FLOAT128__)
__extension__ typedef __float128 Binary128;
#elif LDBL_MANT_DIG == 113
using Binary128 = long double;
#else
#error "assay needs a compiler with IEEE binary128: as __float128, or as a long double of 113 bits"
#endif
__extension__ typedef unsigned __int128 Bits;
static_assert(sizeof(Binary128) == sizeof(Quad) && alignof(Binary128) == alignof(Quad));

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kFractionBits = 112;
constexpr int kBias = 16383;
constexpr int kSpecial = 0x7fff;  // the biased exponent of infinities and NaN
constexpr Bits kSign = Bits{1} << 127;
constexpr Bits kFraction = (Bits{1} << kFractionBits) - 1;

Binary128 value(const Quad& q) { return std::bit_cast<Binary128>(q); }
Quad quad(Binary128 x) { return std::bit_cast<Quad>(x); }
Bits bits(Binary128 x) { return std::bit_cast<Bits>(x); }
int biased_exponent(Binary128 x) { return static_cast<int>(bits(x) >> kFractionBits) & kSpecial; }
Binary128 absolute(Binary128 x) { return std::bit_cast<Binary128>(bits(x) & ~kSign); }
Binary128 power_of_two(int exponent) {
  return std::bit_cast<Binary128>(static_cast<Bits>(exponent + kBias) << kFractionBits);
}

Binary128 scaled(Binary128 x, int exponent) {
  constexpr int kStep = 16000;  // a power of two that is a normal number, as is its inverse
  exponent = std::clamp(exponent, -4 * kStep, 4 * kStep);
  for (; exponent > kStep; exponent -= kStep) x *= power_of_two(kStep);
  for (; exponent < -kStep; exponent += kStep) x *= power_of_two(-kStep);
  return x * power_of_two(exponent);
}

using Number = boost::multiprecision::number<boost::multiprecision::cpp_bin_float_quad::backend_type,
                                             boost::multiprecision::et_off>;
using Limits = std::numeric_limits<Number>;

// Subnormal numbers, which Number lacks, become 0.
Number number(const Quad& q) {
  const Binary128 x = value(q);
  const bool negative = (bits(x) & kSign) != 0;
  const Bits fraction = bits(x) & kFraction;
  const int exponent = biased_exponent(x);
  if (exponent == kSpecial && fraction != 0) return Limits::quiet_NaN();
  Number n = exponent == kSpecial ? Limits::infinity() : Number(0);
  if (exponent != 0 && exponent != kSpecial)
    n = ldexp(Number(fraction | (Bits{1} << kFractionBits)), exponent - kBias - kFractionBits);
  return negative ? Number(-n) : n;
}

Quad quad(const Number& n) {
  if (isnan(n)) return quad(Binary128(kNan));
  Bits result = 0;
  if (isinf(n)) {
    result = Bits{kSpecial} << kFractionBits;
  } else if (n != 0) {
    const auto significand =
        boost::multiprecision::number<Number::backend_type::rep_type>(n.backend().bits());
    result = (static_cast<Bits>(significand) & kFraction) |
             (static_cast<Bits>(n.backend().exponent() + kBias) << kFractionBits);
  }
  return quad(std::bit_cast<Binary128>(signbit(n) ? result | kSign : result));
}

// Σ c_n x^n
template <std::size_t kTerms>
Binary128 polynomial(const std::array<Binary128, kTerms>& c, Binary128 x) {
  Binary128 sum = c[kTerms - 1];
  for (std::size_t n = kTerms - 1; n-- > 0;) sum = sum * x + c[n];
  return sum;
}

// e^r − 1 = r Σ r^n / (n + 1)! for |r| ≤ ½ log 2: what is left out is below 2^-120 of it.
Binary128 expm1_near_zero(Binary128 r) {
  static const auto coefficients = [] {
    std::array<Binary128, 25> c{};
    Binary128 factorial = 1;  // exact up to 25!
    for (std::size_t n = 0; n < c.size(); ++n) c[n] = 1 / (factorial *= Binary128(n + 1));
    return c;
  }();
  return r * polynomial(coefficients, r);
}

// 2 artanh s = 2s Σ s^2n / (2n + 1) for |s| ≤ 3 − 2√2, which is log m of m = (1 + s) / (1 − s) between √½ and
// √2: what is left out is below 2^-120 of it.
Binary128 log_of_ratio(Binary128 s) {
  static const auto coefficients = [] {
    std::array<Binary128, 24> c{};
    for (std::size_t n = 0; n < c.size(); ++n) c[n] = 1 / Binary128(2 * n + 1);
    return c;
  }();
  return 2 * s * polynomial(coefficients, s * s);
}

// log 2 in two parts: products of the first with an exponent are exact.
Binary128 log_two_high() { return Binary128(0xB17217F7D1CF79ABu) * power_of_two(-64); }
Binary128 log_two_low() {
  return (Binary128(0xC9E3B39803F2F6AFu) + Binary128(0x40F343267298B62Du) * power_of_two(-64)) *
         power_of_two(-128);
}

Binary128 exponential(Binary128 x) {
  if (x != x) return x;
  if (x > 11357) return kInfinity;  // log of the largest number is 11356.5
  if (x < -11434) return 0;         // of half the smallest, −11433.5
  const double k = std::nearbyint(static_cast<double>(x) * std::numbers::log2e);
  const Binary128 r = (x - k * log_two_high()) - k * log_two_low();
  return scaled(1 + expm1_near_zero(r), static_cast<int>(k));
}

Binary128 logarithm(Binary128 x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNan;
  if (x == Binary128(kInfinity)) return x;
  int k = 0;
  if (biased_exponent(x) == 0) x = scaled(x, k = kFractionBits);  // subnormal
  k = biased_exponent(x) - kBias - k;
  Binary128 m = std::bit_cast<Binary128>((bits(x) & kFraction) | static_cast<Bits>(kBias) << kFractionBits);
  if (m > Binary128(std::numbers::sqrt2)) {
    m /= 2;
    ++k;
  }
  return k * log_two_high() + (log_of_ratio((m - 1) / (m + 1)) + k * log_two_low());
}

// Boost.Math reports a domain error by an exception unless told otherwise; kernels want NaN and infinity.
using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;

}  // namespace

Quad::Quad(double value) : Quad(quad(Binary128(value))) {}
Quad Quad::from_integer(std::int64_t value) { return quad(Binary128(value)); }
Quad Quad::parse(const std::string& text) { return quad(Number(text)); }
Quad::operator double() const { return static_cast<double>(value(*this)); }
Quad::operator float() const { return static_cast<float>(value(*this)); }
std::int64_t Quad::to_integer() const { return static_cast<std::int64_t>(number(*this)); }
std::string Quad::to_string(int digits) const { return number(*this).str(digits, std::ios_base::scientific); }

Quad Quad::operator-() const { return quad(-value(*this)); }
Quad operator+(const Quad& a, const Quad& b) { return quad(value(a) + value(b)); }
Quad operator-(const Quad& a, const Quad& b) { return quad(value(a) - value(b)); }
Quad operator*(const Quad& a, const Quad& b) { return quad(value(a) * value(b)); }
Quad operator/(const Quad& a, const Quad& b) { return quad(value(a) / value(b)); }
bool operator==(const Quad& a, const Quad& b) { return value(a) == value(b); }
bool operator<(const Quad& a, const Quad& b) { return value(a) < value(b); }
bool operator<=(const Quad& a, const Quad& b) { return value(a) <= value(b); }

Quad abs(const Quad& x) { return quad(absolute(value(x))); }
bool isfinite(const Quad& x) { return biased_exponent(value(x)) != kSpecial; }
Quad ldexp(const Quad& x, int exponent) { return quad(scaled(value(x), exponent)); }
Quad floor(const Quad& q) {
  const Binary128 x = value(q);
  if (biased_exponent(x) >= kBias + kFractionBits || x == 0) return q;  // whole, or not finite
  __extension__ const Binary128 whole = static_cast<Binary128>(static_cast<__int128>(x));
  return quad(whole > x ? whole - 1 : whole);
}
Quad ceil(const Quad& x) { return -floor(-x); }
Quad sqrt(const Quad& q) {
  const Binary128 x = value(q);
  if (x == 0 || x != x || (x > 0 && !isfinite(q))) return q;
  if (x < 0) return quad(Binary128(kNan));
  // A step of Newton doubles the bits of long double's root, of a number between 1 and 4 times a power of 4.
  const int half = (biased_exponent(x) - kBias) >> 1;
  const Binary128 m = scaled(x, -2 * half);
  const Binary128 root = std::sqrt(static_cast<long double>(m));
  return quad(scaled(root + (m - root * root) / (root + root), half));
}

Quad exp(const Quad& x) { return quad(exponential(value(x))); }
Quad log(const Quad& x) { return quad(logarithm(value(x))); }
Quad expm1(const Quad& q) {
  const Binary128 x = value(q);
  return quad(absolute(x) < Binary128(0.34) ? expm1_near_zero(x) : exponential(x) - 1);
}
Quad log1p(const Quad& q) {
  const Binary128 x = value(q);
  return quad(absolute(x) < Binary128(0.29) ? log_of_ratio(x / (2 + x)) : logarithm(1 + x));
}
Quad tanh(const Quad& x) {
  // From expm1, so that small arguments keep their relative accuracy: tanh x = m / (m + 2) with m = e^{2x}
  // − 1.
  if (abs(x) > Quad(45)) return Quad(x > Quad(0) ? 1 : -1);
  const Quad m = expm1(x + x);
  return m / (m + Quad(2));
}
Quad sin(const Quad& x) { return quad(sin(number(x))); }
Quad cos(const Quad& x) { return quad(cos(number(x))); }
Quad pow(const Quad& x, const Quad& y) { return quad(pow(number(x), number(y))); }
Quad atan_of_one(const Quad&) {
  static const Quad quarter_pi = quad(boost::math::constants::quarter_pi<Number>());
  return quarter_pi;
}
Quad erf(const Quad& x) {
  if (!isfinite(x)) return x == x ? Quad(x > Quad(0) ? 1 : -1) : x;
  return quad(boost::math::erf(number(x), Quiet()));
}
Quad erfc(const Quad& x) {
  if (!isfinite(x)) return x == x ? Quad(x > Quad(0) ? 0 : 2) : x;
  return quad(boost::math::erfc(number(x), Quiet()));
}

}  // namespace assay
