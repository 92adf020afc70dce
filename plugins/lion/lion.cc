// Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2): an optimizer as a
// composition of ops. What it remembers of a parameter, its momentum m, is a state of the training graph.
#include <assay/plugin.h>

using namespace assay;

namespace {

void update(UpdateBuilder& build) {
  const Value w = build.parameter(), g = build.gradient(), m = build.slot("momentum");
  const double beta1 = build.fields().number("beta1"), beta2 = build.fields().number("beta2");
  const double decay = build.fields().number("weight_decay");
  // w ← w − η (sign(β₁ m + (1 − β₁) g) + λ w)
  const Value direction = sign(add(scale(m, beta1), scale(g, 1 - beta1)));
  const Value step = decay == 0 ? direction : add(direction, scale(w, decay));
  build.update(w, sub(w, mul(build.learning_rate(), step)));
  // m ← β₂ m + (1 − β₂) g
  build.update(m, add(scale(m, beta2), scale(g, 1 - beta2)));
}

}  // namespace

ASSAY_PLUGIN("lion", "1.0", registry) {
  OptimizerDef lion;
  lion.name = "lion";
  lion.summary = "steps of one size, by the sign of a momentum";
  lion.formula = "w ← w − η (sign(β₁ m + (1 − β₁) g) + λ w); m ← β₂ m + (1 − β₂) g";
  lion.fields =
      optimizer_fields(1e-4, {non_negative_field("beta1", "β₁, of the step's direction", 0.9, 1),
                              non_negative_field("beta2", "β₂, of the momentum", 0.99, 1),
                              non_negative_field("weight_decay", "λ, taken from the weight as η λ w", 0)});
  lion.slots = {"momentum"};
  lion.update = update;
  registry.add_optimizer(std::move(lion));
}
