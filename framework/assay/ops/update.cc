#include "assay/ops/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "assay/core/error.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/operands.h"

namespace assay {
namespace {

FieldDef weight_decay_field(double fallback = 0.0) {
  return non_negative_field("weight_decay", "λ: pulls every parameter towards 0", fallback);
}
FieldDef momentum_field() {
  return non_negative_field("momentum", "μ: share of the last step that is taken again", 0.9);
}
FieldDef root_epsilon_field() { return non_negative_field("epsilon", "ε: added to the root", 1e-8); }
FieldDef decay_field() {
  return non_negative_field("decay", "α: share of the old mean square that is kept", 0.99, kBelowOne);
}

// Inputs are w, g, then the moments; then the learning rate, a scalar; then perhaps the step. The outputs are
// the successors of w and of the moments.
std::vector<Spec> infer_update(const Call& call, std::size_t moments, const std::vector<std::string>& names) {
  const Spec& w = call.inputs[0];
  require_real("w", w);
  for (std::size_t i = 1; i < 2 + moments; ++i) {
    require_spec(names[i], call.inputs[i], w, "the shape of the parameter w");
  }
  require_spec("learning_rate", call.inputs[2 + moments], {w.dtype, Shape{}}, "one rate for all elements");
  if (names.back() == "step")
    require_spec("step", call.inputs.back(), {DType::i32, Shape{}}, "the number of this step");
  return std::vector<Spec>(1 + moments, w);
}

Value decayed(Value g, Value w, const Fields& fields) {
  return add(g, scale(w, fields.number("weight_decay")));
}

Value average(Value old, Value recent, double keep) {
  return add(scale(old, keep), scale(recent, 1.0 - keep));
}

std::vector<Value> expand_sgd(std::span<const Value> in, const Fields& fields) {
  const Value w = in[0], g = decayed(in[1], w, fields), rate = in[2];
  return {sub(w, mul(rate, g))};
}

std::vector<Value> expand_sgd_momentum(std::span<const Value> in, const Fields& fields) {
  const double momentum = fields.number("momentum");
  const Value w = in[0], g = decayed(in[1], w, fields), rate = in[3];
  const Value velocity = add(scale(in[2], momentum), g);
  const Value direction = fields.boolean("nesterov") ? add(g, scale(velocity, momentum)) : velocity;
  return {sub(w, mul(rate, direction)), velocity};
}

std::vector<Value> expand_rmsprop(std::span<const Value> in, const Fields& fields) {
  const bool with_momentum = in.size() == 5;
  const Value w = in[0], g = decayed(in[1], w, fields), rate = in.back();
  const Value s = average(in[2], mul(g, g), fields.number("decay"));
  const Value normal = div(g, shift(sqrt(s), fields.number("epsilon")));
  if (!with_momentum) return {sub(w, mul(rate, normal)), s};
  const Value buffer = add(scale(in[3], fields.number("momentum")), normal);
  return {sub(w, mul(rate, buffer)), s, buffer};
}

// A kind of update: its record, and what the domain of each moment is.
struct Update {
  std::string name;
  std::string formula;
  std::vector<std::string> moments{};
  std::vector<Domain> domains{};  // of the moments
  bool stepped = false;           // takes the step
  std::vector<FieldDef> fields;
  std::vector<Fields> settings;  // that cases are made for
  ExpandRule expand{};
  bool polynomial = false;
};

std::vector<Case> update_cases(const Update& update) {
  std::vector<Case> cases;
  const auto put = [&](const Shape& shape, const Fields& fields, std::int64_t last_step) {
    Case c{fmt::format("{} {}", shape.to_string(), fields.to_string()), {{shape}, {shape}}, fields};
    for (Domain domain : update.domains) c.inputs.push_back({shape, domain});
    c.inputs.push_back({Shape{}, Domain::positive});
    if (update.stepped) {
      c.label += fmt::format(", steps to {}", last_step);
      c.inputs.push_back({Shape{}, Domain::step, last_step});
    }
    cases.push_back(std::move(c));
  };
  for (const Fields& fields : update.settings) {
    for (std::int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 127})
      put(Shape{n}, fields, 1);
    put(Shape{}, fields, 2);
    put(Shape{5, 7}, fields, 10);
    put(Shape{2, 3, 5, 7}, fields, 1000);
    if (update.stepped) put(Shape{13}, fields, 5000);
    if (update.stepped) put(Shape{7}, fields, 5000000);
    put(Shape{1009}, fields, 1000000);
    if (update.stepped) put(Shape{11}, fields, std::numeric_limits<std::int32_t>::max());
  }
  // Nothing kept of a moment, no ε: without it the padding of a layout would be 0/0.
  for (const FieldDef& field : update.fields) {
    const bool among = std::ranges::find(update.settings, Fields{{field.name, 0.0}}) != update.settings.end();
    if (field.kind != FieldKind::number || among) continue;
    for (const Shape& shape : {Shape{17}, Shape{2, 3, 5, 7}}) put(shape, {{field.name, 0.0}}, 10);
  }
  return cases;
}

OpDef make_op(Update update) {
  OpDef op;
  op.cases = [update] { return update_cases(update); };
  op.name = std::move(update.name);
  op.formula = std::move(update.formula);
  op.inputs = {"w", "g"};
  op.outputs = {"w"};
  op.inputs.insert(op.inputs.end(), update.moments.begin(), update.moments.end());
  op.outputs.insert(op.outputs.end(), update.moments.begin(), update.moments.end());
  op.inputs.push_back("learning_rate");
  if (update.stepped) op.inputs.push_back("step");
  op.fields = std::move(update.fields);
  op.infer = [moments = update.moments.size(), names = op.inputs](const Call& call) {
    return infer_update(call, moments, names);
  };
  op.expand = std::move(update.expand);
  op.polynomial = update.polynomial;
  return op;
}

Update adam(std::string name, std::string decay, double weight_decay) {
  return {.name = std::move(name),
          .formula = std::move(decay) +
                     "; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; "
                     "w ← w − η m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)",
          .moments = {"m", "v"},
          .domains = {Domain::real, Domain::positive},
          .stepped = true,
          .fields = {non_negative_field("beta1", "β₁: share of the old mean that is kept", 0.9, kBelowOne),
                     non_negative_field("beta2", "β₂: share of the old mean square that is kept", 0.999,
                                        kBelowOne),
                     root_epsilon_field(), weight_decay_field(weight_decay)},
          .settings = {{{"weight_decay", 0.0}},
                       {{"weight_decay", 0.1}},
                       {{"beta1", 0.999999}, {"beta2", 0.9999999}, {"weight_decay", 0.0}},
                       {{"beta1", 0.0}, {"beta2", 0.5}, {"epsilon", 0.25}, {"weight_decay", 0.5}}}};
}

std::vector<Update> updates() {
  std::vector<Update> all;
  all.push_back({.name = "sgd_update",
                 .formula = "g ← g + λ w; w ← w − η g",
                 .fields = {weight_decay_field()},
                 .settings = {{{"weight_decay", 0.0}}, {{"weight_decay", 0.1}}, {{"weight_decay", 2.0}}},
                 .expand = expand_sgd,
                 .polynomial = true});
  all.push_back({.name = "sgd_momentum_update",
                 .formula = "g ← g + λ w; v ← μ v + g; w ← w − η v (nesterov: w − η (g + μ v))",
                 .moments = {"velocity"},
                 .domains = {Domain::real},
                 .fields = {momentum_field(),
                            {.name = "nesterov",
                             .kind = FieldKind::boolean,
                             .summary = "look ahead by one step of momentum",
                             .fallback = false},
                            weight_decay_field()},
                 .settings = {{{"momentum", 0.9}, {"nesterov", false}, {"weight_decay", 0.0}},
                              {{"momentum", 0.9}, {"nesterov", true}, {"weight_decay", 0.0}},
                              {{"momentum", 0.5}, {"nesterov", true}, {"weight_decay", 0.1}},
                              {{"momentum", 3.0}, {"nesterov", false}, {"weight_decay", 2.0}},
                              {{"momentum", 2.0}, {"nesterov", true}, {"weight_decay", 3.0}}},
                 .expand = expand_sgd_momentum,
                 .polynomial = true});
  all.push_back(adam("adam_update", "g ← g + λ w", 0.0));
  all.push_back(adam("adamw_update", "w ← (1 − η λ) w", 0.01));
  const std::vector<FieldDef> rmsprop_fields{decay_field(), root_epsilon_field(), weight_decay_field()};
  all.push_back(
      {.name = "rmsprop_update",
       .formula = "g ← g + λ w; s ← α s + (1 − α) g²; w ← w − η g / (√s + ε)",
       .moments = {"s"},
       .domains = {Domain::positive},
       .fields = rmsprop_fields,
       .settings = {{{"weight_decay", 0.0}}, {{"decay", 0.5}, {"epsilon", 0.25}, {"weight_decay", 0.1}}},
       .expand = expand_rmsprop});
  all.push_back({.name = "rmsprop_momentum_update",
                 .formula = "g ← g + λ w; s ← α s + (1 − α) g²; b ← μ b + g / (√s + ε); w ← w − η b",
                 .moments = {"s", "buffer"},
                 .domains = {Domain::positive, Domain::real},
                 .fields = rmsprop_fields,
                 .settings = {{{"weight_decay", 0.0}, {"momentum", 0.9}},
                              {{"decay", 0.5}, {"epsilon", 0.25}, {"weight_decay", 0.1}, {"momentum", 0.5}}},
                 .expand = expand_rmsprop});
  all.back().fields.push_back(momentum_field());
  return all;
}

}  // namespace

Value sgd_update(Value w, Value g, Value learning_rate, const Fields& fields) {
  return w.graph().apply("sgd_update", {w, g, learning_rate}, fields);
}
MomentumUpdate sgd_momentum_update(Value w, Value g, Value velocity, Value learning_rate,
                                   const Fields& fields) {
  const auto next = w.graph().apply_all("sgd_momentum_update", {w, g, velocity, learning_rate}, fields);
  return {next[0], next[1]};
}
AdamUpdate adam_update(Value w, Value g, Value m, Value v, Value learning_rate, Value step,
                       const Fields& fields) {
  const auto next = w.graph().apply_all("adam_update", {w, g, m, v, learning_rate, step}, fields);
  return {next[0], next[1], next[2]};
}
AdamUpdate adamw_update(Value w, Value g, Value m, Value v, Value learning_rate, Value step,
                        const Fields& fields) {
  const auto next = w.graph().apply_all("adamw_update", {w, g, m, v, learning_rate, step}, fields);
  return {next[0], next[1], next[2]};
}
RmspropUpdate rmsprop_update(Value w, Value g, Value s, Value learning_rate, const Fields& fields) {
  const auto next = w.graph().apply_all("rmsprop_update", {w, g, s, learning_rate}, fields);
  return {next[0], next[1]};
}
RmspropMomentumUpdate rmsprop_momentum_update(Value w, Value g, Value s, Value buffer, Value learning_rate,
                                              const Fields& fields) {
  const auto next = w.graph().apply_all("rmsprop_momentum_update", {w, g, s, buffer, learning_rate}, fields);
  return {next[0], next[1], next[2]};
}

void register_update_ops(OpTable& ops, const std::string& owner) {
  for (Update& update : updates()) add_op(ops, make_op(std::move(update)), owner);
}

}  // namespace assay
