// Elementwise arithmetic with NumPy broadcasting.
#pragma once

#include <span>
#include <string>

#include "assay/graph/graph.h"

namespace assay {

Value add(Value a, Value b);
Value sub(Value a, Value b);
Value mul(Value a, Value b);
Value div(Value a, Value b);
Value pow(Value a, Value b);  ///< a^b
Value maximum(Value a, Value b);
Value minimum(Value a, Value b);
Value greater(Value a, Value b);  ///< u8 mask: a > b
Value equal(Value a, Value b);    ///< u8 mask: a == b
/// a where the u8 mask is not zero, else b. All three broadcast.
Value where(Value mask, Value a, Value b);

Value neg(Value x);
Value exp(Value x);
Value log(Value x);
Value sqrt(Value x);
Value abs(Value x);   ///< with derivative 0 at 0
Value sign(Value x);  ///< −1, 0 or 1

/// x · factor and x + term, with the number as a constant of x's dtype.
Value scale(Value x, double factor);
Value shift(Value x, double term);

void register_elementwise_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
