// Quad: IEEE binary128 arithmetic, the oracle for f64. Its functions are compiled once, in quad.cc.
#pragma once

#include <boost/multiprecision/cpp_bin_float.hpp>

#include "assay/core/scalar.h"

namespace assay {

using Quad = boost::multiprecision::number<boost::multiprecision::cpp_bin_float_quad::backend_type,
                                           boost::multiprecision::et_off>;

Quad exp(const Quad& x);
Quad expm1(const Quad& x);
Quad log(const Quad& x);
Quad log1p(const Quad& x);
Quad sqrt(const Quad& x);
Quad tanh(const Quad& x);
Quad erf(const Quad& x);
Quad sin(const Quad& x);
Quad cos(const Quad& x);
Quad pow(const Quad& x, const Quad& y);
Quad abs(const Quad& x);
Quad floor(const Quad& x);
Quad ceil(const Quad& x);
bool isfinite(const Quad& x);
Quad atan_of_one(const Quad&);

inline Quad value_of(const Quad& x) { return x; }

}  // namespace assay
