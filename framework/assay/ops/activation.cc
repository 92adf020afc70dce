#include "assay/ops/activation.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"

namespace assay {
namespace {

std::vector<Spec> infer_activation(const Call& call) {
  if (!is_real(call.inputs[0].dtype))
    throw Error("an activation of dtype " + std::string(name_of(call.inputs[0].dtype)));
  return {call.inputs[0]};
}

std::vector<Spec> infer_grad(const Call& call) {
  (void)infer_activation(call);
  if (call.inputs[0] != call.inputs[1]) {
    throw Error(fmt::format("the cotangent is {}, but the activation is {}", call.inputs[0].to_string(),
                            call.inputs[1].to_string()));
  }
  return {call.inputs[0]};
}

// The sizes meet every vector tail; the fields take their default and, where there are some, other values: a
// slope or scale below 1 and one above.
std::vector<Case> activation_cases(const ActivationInfo& info, bool gradient) {
  std::vector<Fields> settings{complete(info.fields, {}, info.name)};
  for (const FieldDef& field : info.fields) {
    const auto put = [&](FieldValue value) {
      settings.push_back(settings.front());
      settings.back().set(field.name, std::move(value));
    };
    if (field.kind == FieldKind::choice) put(field.choices.back());
    if (field.kind == FieldKind::number) {
      put(0.75);
      put(1.5);
    }
  }
  std::vector<Case> cases;
  for (const Fields& fields : settings) {
    const auto add_case = [&](const Shape& shape) {
      Case c{shape.to_string() + (fields.items().empty() ? "" : " " + fields.to_string()), {{shape}}, fields};
      if (gradient) c.inputs.push_back({shape});
      cases.push_back(std::move(c));
    };
    for (std::int64_t n : {0,  1,  2,  3,  4,  5,  6,  7,  8,   9,   10,  12,  15,  16,  17,  24,   31,
                           32, 33, 47, 48, 49, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 1009, 4099}) {
      add_case(Shape{n});
    }
    for (const Shape& shape : {Shape{}, Shape{1, 1}, Shape{3, 5}, Shape{5, 3}, Shape{2, 3, 5},
                               Shape{7, 11, 13}, Shape{2, 3, 5, 7}, Shape{7, 0, 3}, Shape{1, 17, 1, 1}}) {
      add_case(shape);
    }
  }
  // No slope, no scale.
  for (const FieldDef& field : info.fields) {
    if (field.kind != FieldKind::number || field.minimum > 0) continue;
    for (const Shape& shape : {Shape{17}, Shape{2, 3, 5, 7}}) {
      const Fields fields = Fields(settings.front()).set(field.name, 0.0);
      Case c{shape.to_string() + " " + fields.to_string(), {{shape}}, fields};
      if (gradient) c.inputs.push_back({shape});
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

ActivationInfo named(std::string name, std::string formula, std::string derivative) {
  ActivationInfo info;
  info.name = std::move(name);
  info.formula = std::move(formula);
  info.derivative_formula = std::move(derivative);
  return info;
}

ActivationInfo derived_by_output(ActivationInfo info) {
  info.derivative = DerivativeBy::output;
  return info;
}

// dy ⊙ y(1 − y)
std::vector<Value> expand_sigmoid_grad(std::span<const Value> in, const Fields&) {
  return {mul(in[0], mul(in[1], sub(in[1].graph().constant(1.0, in[1].dtype()), in[1])))};
}
// dy ⊙ (1 − y)(1 + y)
std::vector<Value> expand_tanh_grad(std::span<const Value> in, const Fields&) {
  const Value one = in[1].graph().constant(1.0, in[1].dtype());
  return {mul(in[0], mul(sub(one, in[1]), add(one, in[1])))};
}
// dy where y > 0
std::vector<Value> expand_relu_grad(std::span<const Value> in, const Fields&) {
  const Value zero = in[1].graph().constant(0.0, in[1].dtype());
  return {where(greater(in[1], zero), in[0], zero)};
}

}  // namespace

OpDef activation_op(const ActivationInfo& info) {
  OpDef op;
  op.name = info.name;
  op.formula = info.formula;
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.fields = info.fields;
  op.infer = infer_activation;
  op.derivative = [grad = info.name + "_grad", by = info.derivative](Vjp& d) {
    const Value kept = by == DerivativeBy::output ? d.output() : d.input(0);
    d.add(0, d.graph().apply(grad, {d.cotangent(), kept}, d.fields()));
  };
  op.cases = [info] { return activation_cases(info, false); };
  op.activation = true;
  op.polynomial = info.polynomial;
  return op;
}

OpDef activation_grad_op(const ActivationInfo& info, ExpandRule expand) {
  OpDef op;
  op.name = info.name + "_grad";
  op.formula = "dx = dy ⊙ f′, " + info.derivative_formula;
  op.inputs = {"dy", info.derivative == DerivativeBy::output ? "y" : "x"};
  op.outputs = {"dx"};
  op.fields = info.fields;
  op.infer = infer_grad;
  op.expand = std::move(expand);
  if (!op.expand) {
    op.refused = {1};
    op.derivative = [name = op.name](Vjp& d) {
      if (d.wanted(1)) throw Error("op '" + name + "' is not differentiable twice");
      d.add(0, d.graph().apply(name, {d.cotangent(), d.input(1)}, d.fields()));
    };
  }
  op.cases = [info] { return activation_cases(info, true); };
  op.polynomial = info.polynomial;
  return op;
}

Value activate(std::string_view name, Value x, const Fields& fields) {
  return x.graph().apply(name, {x}, fields);
}

ActivationInfo Identity::info() {
  ActivationInfo info = named("identity", "f(z) = z", "f′(z) = 1");
  info.polynomial = true;
  return info;
}
ActivationInfo Sigmoid::info() {
  return derived_by_output(named("sigmoid", "σ(z) = 1 / (1 + e^{−z})", "σ′(z) = σ(z) (1 − σ(z))"));
}
ActivationInfo Relu::info() {
  ActivationInfo info = derived_by_output(named("relu", "ReLU(z) = max(0, z)", "ReLU′(z) = [z > 0]"));
  info.polynomial = true;
  return info;
}
ActivationInfo Tanh::info() {
  return derived_by_output(
      named("tanh", "tanh(z) = (e^z − e^{−z}) / (e^z + e^{−z})", "tanh′(z) = 1 − tanh²(z)"));
}
ActivationInfo LeakyRelu::info() {
  ActivationInfo info =
      named("leaky_relu", "f(z) = z where z > 0, else slope · z", "f′(z) = 1 where z > 0, else slope");
  info.fields = {number_field("slope", "factor for z ≤ 0", 0.01)};
  return info;
}
ActivationInfo Elu::info() {
  ActivationInfo info =
      named("elu", "f(z) = z where z > 0, else α (e^z − 1)", "f′(z) = 1 where z > 0, else α e^z");
  info.fields = {number_field("alpha", "α, the limit to the left is −α", 1.0)};
  return info;
}
ActivationInfo Selu::info() {
  return named("selu", "f(z) = λ z where z > 0, else λ α (e^z − 1)", "f′(z) = λ where z > 0, else λ α e^z");
}
ActivationInfo Softplus::info() { return named("softplus", "f(z) = log(1 + e^z)", "f′(z) = σ(z)"); }
ActivationInfo Silu::info() { return named("silu", "f(z) = z σ(z)", "f′(z) = σ(z) (1 + z (1 − σ(z)))"); }
ActivationInfo Gelu::info() {
  ActivationInfo info = named("gelu", "f(z) = z Φ(z), or z σ(2 √(2/π) (z + 0.044715 z³)) in the tanh form",
                              "f′(z) = Φ(z) + z φ(z), or that of the tanh form");
  info.fields = {{.name = "form",
                  .kind = FieldKind::choice,
                  .summary = "exact (erf) or approximate (tanh)",
                  .fallback = std::string("erf"),
                  .choices = {"erf", "tanh"}}};
  return info;
}
ActivationInfo HardSigmoid::info() {
  return named("hard_sigmoid", "f(z) = min(max(0, z + 3), 6) / 6", "f′(z) = 1/6 where |z| < 3, else 0");
}
ActivationInfo HardSwish::info() {
  return named("hard_swish", "f(z) = z min(max(0, z + 3), 6) / 6",
               "f′(z) = 0, (2z + 3)/6, 1 left of −3, between, right of 3");
}

void register_activation_ops(OpTable& ops, const std::string& owner) {
  for_each_activation([&]<class A>(A*) {
    const ActivationInfo info = A::info();
    OpDef op = activation_op(info);
    if constexpr (std::is_same_v<A, Identity>) {
      op.derivative = [](Vjp& d) { d.add(0, d.cotangent()); };
      ops.add(info.name, std::move(op), owner);
      return;
    }
    ExpandRule expand;
    if constexpr (std::is_same_v<A, Sigmoid>) expand = expand_sigmoid_grad;
    if constexpr (std::is_same_v<A, Tanh>) expand = expand_tanh_grad;
    if constexpr (std::is_same_v<A, Relu>) expand = expand_relu_grad;
    ops.add(info.name, std::move(op), owner);
    ops.add(info.name + "_grad", activation_grad_op(info, std::move(expand)), owner);
  });
}

}  // namespace assay
