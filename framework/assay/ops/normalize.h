// Normalisation by the statistics of a batch (Ioffe and Szegedy 2015) or of a layer (Ba, Kiros and Hinton
// 2016). Variances are biased: the mean of (x − μ)², computed in a second pass over x.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// A normalised tensor and the statistics it was normalised by. All three carry derivatives.
struct Normalized {
  Value y;
  Value mean;
  Value variance;
};

struct NormalizedGradients {
  Value dx;
  Value dweight;
  Value dbias;
};

/// x [N, C, …], weight [C], bias [C] → y = γ (x − μ)/√(σ² + ε) + β with mean and variance [C] over all axes
/// but C.
Normalized batch_norm(Value x, Value weight, Value bias, double epsilon);

/// ∂L/∂x, ∂L/∂γ and ∂L/∂β from dy = ∂L/∂y, with mean and variance as batch_norm gave them.
NormalizedGradients batch_norm_grad(Value dy, Value x, Value weight, Value mean, Value variance,
                                    double epsilon);

/// The same y by given statistics [C], such as running ones.
Value batch_norm_inference(Value x, Value weight, Value bias, Value mean, Value variance, double epsilon);

/// x [B…, D…], weight [D…], bias [D…] → y normalised over the axes from `axis` on, mean and variance [B…].
Normalized layer_norm(Value x, Value weight, Value bias, std::int64_t axis, double epsilon);

NormalizedGradients layer_norm_grad(Value dy, Value x, Value weight, Value mean, Value variance,
                                    std::int64_t axis, double epsilon);

void register_normalize_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
