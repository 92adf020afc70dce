// A product of matrices in plain Eigen, as its users write it: no framework around it.
#pragma once

#include <ctime>
#include <functional>

#include "assay/core/shape.h"

namespace assay::speed {

/// Runs op(A) op(B) on matrices of these shapes and answers the seconds that it took by the clock; empty
/// where this was built without Eigen.
std::function<double(clockid_t)> plain_product(const Shape& a, bool transpose_a, const Shape& b,
                                               bool transpose_b);

}  // namespace assay::speed
