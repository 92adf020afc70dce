// Softmax along an axis, its logarithm, and their derivatives by the output.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// y_k = e^{x_k} / Σ_j e^{x_j} along `axis` (negative counts from the end), shifted by the maximum so that
/// nothing overflows.
Value softmax(Value x, std::int64_t axis = -1);
/// y_k = x_k − log Σ_j e^{x_j}.
Value log_softmax(Value x, std::int64_t axis = -1);

/// ∂L/∂x from dy = ∂L/∂y and y.
Value softmax_grad(Value dy, Value y, std::int64_t axis = -1);
Value log_softmax_grad(Value dy, Value y, std::int64_t axis = -1);

void register_softmax_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
