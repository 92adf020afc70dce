#include "assay/layers/optimizer.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "assay/core/error.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/reduce.h"
#include "assay/ops/update.h"

namespace assay {
namespace {

FieldDef weight_decay_field(double fallback, std::string summary) {
  return non_negative_field("weight_decay", std::move(summary), fallback);
}

// The fields of an op's update: all of the optimizer's but those that are inputs of the graph or steps around
// the op.
Fields update_fields(const Fields& fields, std::initializer_list<std::string_view> names) {
  Fields chosen;
  for (const std::string_view name : names) chosen.set(name, *fields.find(name));
  return chosen;
}

void update_sgd(UpdateBuilder& build) {
  const Value w = build.parameter(), g = build.gradient(), rate = build.learning_rate();
  if (build.fields().number("momentum") == 0.0) {
    if (build.fields().boolean("nesterov")) {
      throw Error("nesterov is true, but momentum is 0").help("give a momentum, such as 0.9");
    }
    build.update(w, sgd_update(w, g, rate, update_fields(build.fields(), {"weight_decay"})));
    return;
  }
  const Value velocity = build.slot("velocity");
  const MomentumUpdate next = sgd_momentum_update(
      w, g, velocity, rate, update_fields(build.fields(), {"momentum", "nesterov", "weight_decay"}));
  build.update(w, next.w);
  build.update(velocity, next.velocity);
}

using AdamFormula = AdamUpdate (*)(Value w, Value g, Value m, Value v, Value rate, Value step, const Fields&);

void update_adam(UpdateBuilder& build, AdamFormula formula) {
  const Value w = build.parameter(), m = build.slot("first_moment"), v = build.slot("second_moment");
  const AdamUpdate next =
      formula(w, build.gradient(), m, v, build.learning_rate(), build.step(),
              update_fields(build.fields(), {"beta1", "beta2", "epsilon", "weight_decay"}));
  build.update(w, next.w);
  build.update(m, next.m);
  build.update(v, next.v);
}

void update_rmsprop(UpdateBuilder& build) {
  const Value w = build.parameter(), g = build.gradient(), rate = build.learning_rate();
  const Value s = build.slot("mean_square");
  if (build.fields().number("momentum") == 0.0) {
    const RmspropUpdate next =
        rmsprop_update(w, g, s, rate, update_fields(build.fields(), {"decay", "epsilon", "weight_decay"}));
    build.update(w, next.w);
    build.update(s, next.s);
    return;
  }
  const Value velocity = build.slot("velocity");
  const RmspropMomentumUpdate next = rmsprop_momentum_update(
      w, g, s, velocity, rate,
      update_fields(build.fields(), {"decay", "epsilon", "weight_decay", "momentum"}));
  build.update(w, next.w);
  build.update(s, next.s);
  build.update(velocity, next.buffer);
}

OptimizerDef sgd() {
  OptimizerDef def{.name = "sgd",
                   .summary = "stochastic gradient descent, with momentum if it is not 0",
                   .formula = "g ← g + λ w; v ← μ v + g; w ← w − η v, or w − η (g + μ v) with nesterov"};
  def.fields = optimizer_fields(1e-3, {non_negative_field("momentum", "μ, the weight of the velocity", 0.0),
                                       {.name = "nesterov",
                                        .kind = FieldKind::boolean,
                                        .summary = "look ahead along the velocity (Nesterov 1983)",
                                        .fallback = false},
                                       weight_decay_field(0.0, "λ, added to the gradient as λ w")});
  def.slots = {"velocity"};
  def.update = update_sgd;
  return def;
}

std::vector<FieldDef> adam_fields(FieldDef weight_decay) {
  return optimizer_fields(1e-3,
                          {non_negative_field("beta1", "β₁, decay of the first moment", 0.9, kBelowOne),
                           non_negative_field("beta2", "β₂, decay of the second moment", 0.999, kBelowOne),
                           non_negative_field("epsilon", "ε, added to the root of the second moment", 1e-8),
                           std::move(weight_decay)});
}

OptimizerDef adam() {
  OptimizerDef def{.name = "adam",
                   .summary = "adaptive moments (Kingma and Ba 2015)",
                   .formula =
                       "g ← g + λ w; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; "
                       "w ← w − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)"};
  def.fields = adam_fields(weight_decay_field(0.0, "λ, added to the gradient as λ w"));
  def.slots = {"first_moment", "second_moment"};
  def.update = [](UpdateBuilder& build) { update_adam(build, adam_update); };
  return def;
}

OptimizerDef adamw() {
  OptimizerDef def{.name = "adamw",
                   .summary = "adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)",
                   .formula = "w ← w − η λ w; then as adam, with λ = 0"};
  def.fields = adam_fields(weight_decay_field(1e-2, "λ, taken from the weight as η λ w"));
  def.slots = {"first_moment", "second_moment"};
  def.update = [](UpdateBuilder& build) { update_adam(build, adamw_update); };
  return def;
}

OptimizerDef rmsprop() {
  OptimizerDef def{.name = "rmsprop",
                   .summary = "gradients over the root of their mean square (Hinton 2012, lecture 6e)",
                   .formula = "g ← g + λ w; s ← ρ s + (1 − ρ) g²; v ← μ v + g / (√s + ε); w ← w − η v"};
  def.fields =
      optimizer_fields(1e-2, {non_negative_field("decay", "ρ, decay of the mean square", 0.99, kBelowOne),
                              non_negative_field("epsilon", "ε, added to the root of the mean square", 1e-8),
                              non_negative_field("momentum", "μ, the weight of the velocity", 0.0),
                              weight_decay_field(0.0, "λ, added to the gradient as λ w")});
  def.slots = {"mean_square", "velocity"};
  def.update = update_rmsprop;
  return def;
}

}  // namespace

UpdateBuilder::UpdateBuilder(GraphBuild& build, const Fields& fields, std::string name, Value parameter,
                             Value gradient)
    : build_(build), fields_(fields), name_(std::move(name)), parameter_(parameter), gradient_(gradient) {}

Value UpdateBuilder::learning_rate() const {
  return build_.graph.input("learning_rate", {build_.dtype, Shape{}});
}

Value UpdateBuilder::step() const { return build_.graph.input("step", {DType::i32, Shape{}}); }

Value UpdateBuilder::slot(std::string_view name) {
  StateInfo info{.name = fmt::format("optimizer/{}/{}", name, name_),
                 .layer = name_.substr(0, name_.rfind('.')),
                 .shape = parameter_.shape(),
                 .kind = StateKind::slot,
                 .initializer = {.type = "zeros"}};
  const Value state = build_.graph.state(info.name, parameter_.spec());
  build_.states.push_back(std::move(info));
  return state;
}

std::vector<FieldDef> optimizer_fields(double learning_rate, std::vector<FieldDef> own) {
  std::vector<FieldDef> fields{non_negative_field("learning_rate", "η, before the schedule", learning_rate)};
  fields.insert(fields.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  fields.push_back({.name = "clip_norm",
                    .kind = FieldKind::number,
                    .summary = "largest norm of all gradients together; without it they stay as they are",
                    .optional = true,
                    .minimum = std::numeric_limits<double>::min()});
  return fields;
}

Value global_norm(std::span<const Value> gradients) {
  Value squares;
  for (const Value& g : gradients) {
    const Value square = sum(mul(g, g));
    squares = squares ? add(squares, square) : square;
  }
  return sqrt(squares);
}

std::vector<Value> clip_by_global_norm(std::span<const Value> gradients, Value norm, double clip) {
  const Value limit = norm.graph().constant(clip, norm.dtype());
  const Value one = norm.graph().constant(1.0, norm.dtype());
  const Value factor = minimum(one, div(limit, shift(norm, 1e-6)));
  std::vector<Value> clipped;
  for (const Value& g : gradients) clipped.push_back(mul(g, factor));
  return clipped;
}

void register_optimizers(OptimizerTable& optimizers, const std::string& owner) {
  for (OptimizerDef def : {sgd(), adam(), adamw(), rmsprop()}) {
    const std::string name = def.name;
    optimizers.add(name, std::move(def), owner);
  }
}

}  // namespace assay
