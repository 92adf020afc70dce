// Matrix products: linear (the article's Z = X Wᵀ + b) and the general matmul that its derivative is made of.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// x [..., in], weight [out, in], bias [out] or none → [..., out].
Value linear(Value x, Value weight, Value bias = {});

/// a [..., M, K] · b [..., K, N] → [..., M, N], after transposing the last two axes of an operand where told
/// to; the leading axes broadcast.
Value matmul(Value a, Value b, bool transpose_a = false, bool transpose_b = false);

void register_linear_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
