#include "assay/core/quad.h"

#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/expm1.hpp>
#include <boost/math/special_functions/log1p.hpp>

namespace assay {
namespace bmp = boost::multiprecision;

Quad exp(const Quad& x) { return bmp::exp(x); }
Quad log(const Quad& x) { return bmp::log(x); }
Quad sqrt(const Quad& x) { return bmp::sqrt(x); }
Quad tanh(const Quad& x) {
  // From expm1, so that small arguments keep their relative accuracy: tanh x = m / (m + 2) with m = e^{2x} − 1.
  if (bmp::abs(x) > 45) return x > 0 ? Quad(1) : Quad(-1);
  const Quad m = expm1(Quad(2 * x));
  return m / (m + 2);
}
Quad sin(const Quad& x) { return bmp::sin(x); }
Quad cos(const Quad& x) { return bmp::cos(x); }
Quad pow(const Quad& x, const Quad& y) { return bmp::pow(x, y); }
Quad abs(const Quad& x) { return bmp::abs(x); }
Quad floor(const Quad& x) { return bmp::floor(x); }
Quad ceil(const Quad& x) { return bmp::ceil(x); }
bool isfinite(const Quad& x) { return (bmp::isfinite)(x); }
Quad atan_of_one(const Quad&) { return boost::math::constants::quarter_pi<Quad>(); }

namespace {
// Boost.Math reports a domain error by an exception unless told otherwise; kernels want NaN and infinity.
using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;
}  // namespace

Quad expm1(const Quad& x) { return boost::math::expm1(x, Quiet()); }
Quad log1p(const Quad& x) { return boost::math::log1p(x, Quiet()); }
Quad erf(const Quad& x) {
  if (!isfinite(x)) return x == x ? Quad(x > 0 ? 1 : -1) : x;
  return boost::math::erf(x, Quiet());
}

}  // namespace assay
