// Losses: functions of a batch that end in one number. B is the extent of the first axis, which every sum
// over samples is divided by here and nowhere else, so that the cotangent carries 1/B through the network.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// 1/(2B) ‖Y − A‖²_F for prediction A and target Y [B, …]: a sum over outputs, a mean over the batch (the
/// article's).
Value half_squared_error(Value prediction, Value target);

/// Means over every element, of r², |r| and the Huber function of r = prediction − target, which is r²/2 up
/// to |r| = delta and delta (|r| − delta/2) beyond.
Value mean_squared_error(Value prediction, Value target);
Value mean_absolute_error(Value prediction, Value target);
Value huber(Value prediction, Value target, double delta = 1.0);

struct CrossEntropy {
  Value loss;           ///< a scalar
  Value probabilities;  ///< [B, K], the softmax of the logits; carries derivatives too
};

/// −1/B Σ_b Σ_k q_bk log p_bk for logits [B, K] and labels i32 [B], with p the softmax of the logits and q
/// the label's one-hot vector, smoothed: q_k = (1 − s) [k = label] + s/K. A label outside [0, K) makes the
/// loss NaN.
CrossEntropy softmax_cross_entropy(Value logits, Value labels, double label_smoothing = 0.0);

/// ∂L/∂logits = dloss (p − q)/B. A row with a label outside [0, K) is NaN.
Value softmax_cross_entropy_grad(Value dloss, Value probabilities, Value labels,
                                 double label_smoothing = 0.0);

/// −1/B Σ (y log σ(z) + (1 − y) log(1 − σ(z))) for logits z and targets y [B, …], from the logits, so that
/// nothing overflows: a sum over outputs, a mean over the batch.
Value binary_cross_entropy(Value logits, Value target);

void register_loss_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
