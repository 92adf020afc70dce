#include "assay/core/quad.h"

#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/expm1.hpp>
#include <boost/math/special_functions/log1p.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cstring>

namespace assay {
namespace {

namespace bmp = boost::multiprecision;
using Number = bmp::number<bmp::cpp_bin_float_quad::backend_type, bmp::et_off>;

// The number holds its limbs in place and owns nothing, so that its bytes are its value.
static_assert(sizeof(Number) <= sizeof(Quad) && std::is_trivially_destructible_v<Number>);

Number number(const Quad& q) {
  Number n;
  std::memcpy(static_cast<void*>(&n), static_cast<const void*>(&q), sizeof(Number));
  return n;
}

// Boost.Math reports a domain error by an exception unless told otherwise; kernels want NaN and infinity.
using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;

}  // namespace

struct QuadAccess {
  static Quad quad(const Number& n) {
    Quad q{Quad::Uninitialised{}};
    std::memcpy(static_cast<void*>(&q), static_cast<const void*>(&n), sizeof(Number));
    return q;
  }
};

namespace {
Quad quad(const Number& n) { return QuadAccess::quad(n); }
}  // namespace

Quad::Quad(double value) : Quad(quad(Number(value))) {}
Quad Quad::from_integer(std::int64_t value) { return quad(Number(value)); }
Quad Quad::parse(const std::string& text) { return quad(Number(text)); }
Quad::operator double() const { return static_cast<double>(number(*this)); }
Quad::operator float() const { return static_cast<float>(number(*this)); }
std::int64_t Quad::to_integer() const { return static_cast<std::int64_t>(number(*this)); }
std::string Quad::to_string(int digits) const { return number(*this).str(digits, std::ios_base::scientific); }

Quad Quad::operator-() const { return quad(-number(*this)); }
Quad operator+(const Quad& a, const Quad& b) { return quad(number(a) + number(b)); }
Quad operator-(const Quad& a, const Quad& b) { return quad(number(a) - number(b)); }
Quad operator*(const Quad& a, const Quad& b) { return quad(number(a) * number(b)); }
Quad operator/(const Quad& a, const Quad& b) { return quad(number(a) / number(b)); }
bool operator==(const Quad& a, const Quad& b) { return number(a) == number(b); }
bool operator<(const Quad& a, const Quad& b) { return number(a) < number(b); }
bool operator<=(const Quad& a, const Quad& b) { return number(a) <= number(b); }

Quad exp(const Quad& x) { return quad(bmp::exp(number(x))); }
Quad log(const Quad& x) { return quad(bmp::log(number(x))); }
Quad sqrt(const Quad& x) { return quad(bmp::sqrt(number(x))); }
Quad tanh(const Quad& x) {
  // From expm1, so that small arguments keep their relative accuracy: tanh x = m / (m + 2) with m = e^{2x}
  // − 1.
  if (abs(x) > Quad(45)) return Quad(x > Quad(0) ? 1 : -1);
  const Quad m = expm1(x + x);
  return m / (m + Quad(2));
}
Quad sin(const Quad& x) { return quad(bmp::sin(number(x))); }
Quad cos(const Quad& x) { return quad(bmp::cos(number(x))); }
Quad pow(const Quad& x, const Quad& y) { return quad(bmp::pow(number(x), number(y))); }
Quad abs(const Quad& x) { return quad(bmp::abs(number(x))); }
Quad floor(const Quad& x) { return quad(bmp::floor(number(x))); }
Quad ceil(const Quad& x) { return quad(bmp::ceil(number(x))); }
Quad ldexp(const Quad& x, int exponent) { return quad(bmp::ldexp(number(x), exponent)); }
bool isfinite(const Quad& x) { return (bmp::isfinite)(number(x)); }
Quad atan_of_one(const Quad&) {
  static const Quad quarter_pi = quad(boost::math::constants::quarter_pi<Number>());
  return quarter_pi;
}
Quad expm1(const Quad& x) {
  if (!isfinite(x)) return x < Quad(0) ? Quad(-1) : x;
  return quad(boost::math::expm1(number(x), Quiet()));
}
Quad log1p(const Quad& x) {
  if (!isfinite(x)) return x < Quad(0) ? x - x : x;
  return quad(boost::math::log1p(number(x), Quiet()));
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
