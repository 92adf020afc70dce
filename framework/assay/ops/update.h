// What an optimizer does to one parameter w with gradient g: PyTorch's formulas. Each result may be written
// over the old value of what it succeeds. The learning rate η is a value [], so that a schedule can change
// it; the rest are fields: weight_decay λ (0), and what each function lists.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// g ← g + λ w; w ← w − η g.
Value sgd_update(Value w, Value g, Value learning_rate, const Fields& fields = {});

struct MomentumUpdate {
  Value w;
  Value velocity;
};

/// g ← g + λ w; v ← μ v + g; w ← w − η v, or w − η (g + μ v) with nesterov. Fields: momentum μ (0.9),
/// nesterov (false).
MomentumUpdate sgd_momentum_update(Value w, Value g, Value velocity, Value learning_rate,
                                   const Fields& fields = {});

struct AdamUpdate {
  Value w;
  Value m;
  Value v;
};

/// Kingma and Ba 2015, with g ← g + λ w: m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²;
/// w ← w − η m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ), for step t >= 1, an i32 [].
/// Fields: beta1 (0.9), beta2 (0.999), epsilon (1e-8). Not differentiable: the step is an integer.
AdamUpdate adam_update(Value w, Value g, Value m, Value v, Value learning_rate, Value step,
                       const Fields& fields = {});
/// Loshchilov and Hutter 2019: the decay is w ← (1 − η λ) w and does not enter g; weight_decay is 0.01 by
/// default.
AdamUpdate adamw_update(Value w, Value g, Value m, Value v, Value learning_rate, Value step,
                        const Fields& fields = {});

struct RmspropUpdate {
  Value w;
  Value s;
};

/// g ← g + λ w; s ← α s + (1 − α) g²; w ← w − η g / (√s + ε). Fields: decay α (0.99), epsilon (1e-8).
RmspropUpdate rmsprop_update(Value w, Value g, Value s, Value learning_rate, const Fields& fields = {});

struct RmspropMomentumUpdate {
  Value w;
  Value s;
  Value buffer;
};

/// The same with b ← μ b + g / (√s + ε); w ← w − η b. Fields: as rmsprop_update, and momentum μ (0.9).
RmspropMomentumUpdate rmsprop_momentum_update(Value w, Value g, Value s, Value buffer, Value learning_rate,
                                              const Fields& fields = {});

void register_update_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
