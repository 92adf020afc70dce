#include "conformance/running_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"
#include "assay/ops/reduce.h"

namespace assay::conformance {
namespace {

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Ops that only move elements: their errors move along.
bool moves(std::string_view op) {
  return any_of(op, {"reshape", "transpose", "broadcast_to", "slice", "pad", "concat", "neg", "identity"});
}
// Unary functions whose derivative is at most 1.2 in magnitude, activations among them.
bool is_function(std::string_view op) {
  return any_of(op, {"sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "silu", "gelu",
                     "hard_sigmoid", "hard_swish", "abs"});
}
constexpr double kSteepest = 1.8;  // selu's λα, the largest slope among them

// dy · f′(x), with f′ evaluated by contract.
bool is_gradient(const OpDef& op) {
  return op.name.ends_with("_grad") && is_function(op.name.substr(0, op.name.size() - 5));
}

}  // namespace

Format format_of(DType dtype) {
  if (dtype == DType::f32) return {0x1p-24, std::numeric_limits<float>::denorm_min()};
  return {0x1p-53, std::numeric_limits<double>::denorm_min()};
}

bool RunningError::knows(const OpDef& op) const {
  return moves(op.name) || is_function(op.name) || is_gradient(op) || op.expand ||
         any_of(op.name, {"add",
                          "sub",
                          "mul",
                          "div",
                          "maximum",
                          "minimum",
                          "where",
                          "exp",
                          "pow",
                          "log",
                          "sqrt",
                          "sum",
                          "mean",
                          "max",
                          "matmul",
                          "linear",
                          "conv2d",
                          "conv2d_grad_input",
                          "conv2d_grad_weight",
                          "avg_pool2d",
                          "avg_pool2d_grad",
                          "global_avg_pool",
                          "adam_update",
                          "adamw_update",
                          "softmax_cross_entropy",
                          "softmax_cross_entropy_grad",
                          "dropout"});
}

Value RunningError::constant(double number) { return graph_.constant(number, DType::quad); }

Value RunningError::error(const Bounded& x) { return x.error ? x.error : scale(x.value, 0.0); }

Value RunningError::magnitude(const Bounded& x) { return add(abs(x.value), error(x)); }

Value RunningError::rounding(Value result) {
  return add(scale(abs(result), 2.0 * format_.unit_roundoff), constant(format_.smallest));
}

// The error that the contract allows for a function value, times `scale`.
Value RunningError::contract(Value result, Value scale_by) {
  const double ulps = 2.0 * format_.unit_roundoff * accuracy_.ulp;
  return add(add(scale(abs(result), ulps), scale(abs(scale_by), accuracy_.absolute)),
             constant(format_.smallest * (1.0 + accuracy_.ulp)));
}

Bounded RunningError::rounded(double number) {
  const Value value = constant(number);
  return {value, scale(abs(value), format_.unit_roundoff)};
}

Bounded RunningError::plus(const Bounded& a, const Bounded& b) {
  const Value c = add(a.value, b.value);
  return {c, add(add(error(a), error(b)), rounding(c))};
}
Bounded RunningError::minus(const Bounded& a, const Bounded& b) {
  const Value c = sub(a.value, b.value);
  return {c, add(add(error(a), error(b)), rounding(c))};
}
Bounded RunningError::times(const Bounded& a, const Bounded& b) {
  const Value c = mul(a.value, b.value);
  return {c, add(add(mul(magnitude(a), error(b)), mul(error(a), abs(b.value))), rounding(c))};
}

// |â/b̂ − a/b| ≤ (e_a + |c| e_b) / (|b| − e_b)
Bounded RunningError::quotient(const Bounded& a, const Bounded& b) {
  const Value c = div(a.value, b.value);
  const Value propagated = div(add(error(a), mul(abs(c), error(b))), sub(abs(b.value), error(b)));
  return {c, add(propagated, rounding(c))};
}

Bounded RunningError::root(const Bounded& x) {
  const Value y = sqrt(x.value);
  const Value least = sqrt(maximum(sub(x.value, error(x)), constant(0.0)));
  return {y, add(sub(y, least), rounding(y))};
}

// Sums of products of two operands: the op on magnitudes gives Σ |terms|, on ones the number of terms. A
// third operand is the bias, one term more.
Bounded RunningError::product(const OpDef& op, std::span<const Bounded> inputs, const Fields& fields) {
  const auto of = [&](Value a, Value b) {
    std::vector<Value> operands{a, b};
    if (inputs.size() == 3) operands.push_back(abs(inputs[2].value));
    return graph_.apply(op.name, operands, fields);
  };
  std::vector<Value> values;
  for (const Bounded& x : inputs) values.push_back(x.value);
  const auto ones = [&](const Bounded& x) { return graph_.constant(1.0, DType::quad, x.value.shape()); };
  std::vector<Value> units{ones(inputs[0]), ones(inputs[1])};
  if (inputs.size() == 3) units.push_back(ones(inputs[2]));
  const Value y = graph_.apply(op.name, values, fields);
  const Value terms = shift(graph_.apply(op.name, units, fields), 1.0);
  const Value total = of(magnitude(inputs[0]), magnitude(inputs[1]));
  // γ_n = n u / (1 − n u); what the operands' own errors add is the difference of the sums of magnitudes.
  const Value nu = scale(terms, format_.unit_roundoff);
  const Value gamma = div(nu, sub(constant(1.0), nu));
  const Value propagated = sub(total, of(abs(inputs[0].value), abs(inputs[1].value)));
  return {y, add(add(propagated, mul(gamma, total)), mul(terms, constant(format_.smallest)))};
}

// Sums and averages of one operand.
Bounded RunningError::sum(const OpDef& op, const Bounded& x, const Fields& fields) {
  const Value y = graph_.apply(op.name, {x.value}, fields);
  const double terms = static_cast<double>(x.value.shape().count()) + 1.0;
  const double nu = terms * format_.unit_roundoff;
  const Value total = graph_.apply(op.name, {magnitude(x)}, fields);
  const Value propagated = graph_.apply(op.name, {error(x)}, fields);
  return {y, add(add(propagated, scale(total, nu / (1.0 - nu))), constant(terms * format_.smallest))};
}

Bounded RunningError::function(const OpDef& op, const Bounded& x, const Fields& fields) {
  const Value y = graph_.apply(op.name, {x.value}, fields);
  const Value one = constant(1.0);
  return {y, add(add(scale(error(x), kSteepest), contract(y, one)), rounding(y))};
}

std::vector<Bounded> RunningError::adam(std::span<const Bounded> in, const Fields& fields, bool decoupled) {
  const auto field = [&](std::string_view name) { return fields.number(name); };
  const Bounded &w = in[0], &rate = in[4], &step = in[5];
  const Bounded decay = rounded(field("weight_decay"));
  const Bounded g = decoupled ? in[1] : plus(in[1], times(decay, w));
  const auto average = [&](const Bounded& old, const Bounded& recent, double keep) {
    return plus(times(rounded(keep), old), times(rounded(1.0 - keep), recent));
  };
  const auto correction = [&](double beta) {
    const Value c = sub(constant(1.0), pow(constant(beta), step.value));
    return Bounded{c, rounding(c)};
  };
  const Bounded m = average(in[2], g, field("beta1"));
  const Bounded v = average(in[3], times(g, g), field("beta2"));
  const Bounded deviation = plus(root(quotient(v, correction(field("beta2")))), rounded(field("epsilon")));
  const Bounded move = times(rate, quotient(quotient(m, correction(field("beta1"))), deviation));
  const Bounded kept = decoupled ? minus(w, times(times(rate, decay), w)) : w;
  return {minus(kept, move), m, v};
}

// q = (1 − s) one_hot + s/K, from the one-hot rows that stand in place of the labels.
Bounded RunningError::smoothed(Value one_hot, const Fields& fields) {
  const double smoothing = fields.number("label_smoothing");
  const auto classes = static_cast<double>(one_hot.shape()[1]);
  return plus(times(rounded(1.0 - smoothing), {one_hot, {}}),
              quotient(rounded(smoothing), {constant(classes), {}}));
}

// dL (p − q) / B
std::vector<Bounded> RunningError::cross_entropy_grad(std::span<const Bounded> in, const Fields& fields) {
  const Bounded rows{constant(static_cast<double>(in[1].value.shape()[0])), {}};
  return {quotient(times(in[0], minus(in[1], smoothed(in[2].value, fields))), rows)};
}

// −(1/B) Σ q log p
std::vector<Bounded> RunningError::cross_entropy(std::span<const Bounded> in, const Fields& fields) {
  const auto rows = static_cast<double>(in[0].value.shape()[0]);
  const Bounded q = smoothed(in[1].value, fields);
  const Fields axis{{"axis", std::int64_t{1}}};
  const Bounded logarithms = apply(graph_.ops().at("log_softmax"), {&in[0], 1}, axis)[0];
  const Bounded probabilities = apply(graph_.ops().at("softmax"), {&in[0], 1}, axis)[0];
  const OpDef& total = graph_.ops().at("sum");
  const Bounded loss = sum(total, times(q, logarithms), complete(total.fields, {}, "op 'sum'"));
  const Bounded mean = quotient(loss, {constant(-rows), {}});
  return {mean, probabilities};
}

std::vector<Bounded> RunningError::expand(const OpDef& op, std::span<const Bounded> inputs,
                                          const Fields& fields) {
  Graph trial(graph_.ops());
  std::map<ValueId, Bounded> bounds;
  std::vector<Value> operands;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back(trial.input(std::to_string(i), inputs[i].value.spec()));
    bounds[operands.back().id()] = inputs[i];
  }
  const std::vector<Value> results = op.expand(operands, fields);
  for (std::size_t n = 0; n < trial.nodes().size(); ++n) {
    const Node& node = trial.nodes()[n];
    const auto id = static_cast<std::int32_t>(n);
    if (node.kind == NodeKind::constant) {
      const Value value = graph_.constant(node.constant, DType::quad, node.outputs[0].shape);
      bounds[{id, 0}] = {value, scale(abs(value), format_.unit_roundoff)};
    } else if (node.kind == NodeKind::op) {
      std::vector<Bounded> in;
      for (ValueId input : node.inputs) in.push_back(bounds.at(input));
      const std::vector<Bounded> out = apply(*node.op, in, node.fields);
      for (std::size_t o = 0; o < out.size(); ++o) bounds[{id, static_cast<std::int32_t>(o)}] = out[o];
    }
  }
  std::vector<Bounded> outputs;
  for (Value result : results) outputs.push_back(bounds.at(result.id()));
  return outputs;
}

std::vector<Bounded> RunningError::apply(const OpDef& op, std::span<const Bounded> in, const Fields& fields) {
  const std::string& name = op.name;
  if (name == "add") return {plus(in[0], in[1])};
  if (name == "sub") return {minus(in[0], in[1])};
  if (name == "mul") return {times(in[0], in[1])};
  if (name == "div") return {quotient(in[0], in[1])};
  if (name == "sqrt") return {root(in[0])};
  if (name == "sum" || name == "mean" || any_of(name, {"avg_pool2d", "avg_pool2d_grad", "global_avg_pool"})) {
    return {sum(op, in[0], fields)};
  }
  if (any_of(name, {"matmul", "linear", "conv2d", "conv2d_grad_input", "conv2d_grad_weight"})) {
    return {product(op, in, fields)};
  }
  if (name == "adam_update" || name == "adamw_update") return adam(in, fields, name == "adamw_update");
  if (name == "softmax_cross_entropy") return cross_entropy(in, fields);
  if (name == "softmax_cross_entropy_grad") return cross_entropy_grad(in, fields);
  if (name == "dropout") {  // the mask is exact
    const auto results = graph_.apply_all(name, {in[0].value, in[1].value, in[2].value}, fields);
    return {{results[0], rounding(results[0])}, {results[1], {}}};
  }
  if (name == "greater" || name == "equal")
    return {{graph_.apply(name, {in[0].value, in[1].value}, fields), {}}};
  if (name == "where") {
    const Value mask = in[0].value;
    return {{where(mask, in[1].value, in[2].value), where(mask, error(in[1]), error(in[2]))}};
  }
  // An extremum moves by no more than its operands do.
  if (name == "maximum" || name == "minimum") {
    return {{graph_.apply(name, {in[0].value, in[1].value}), maximum(error(in[0]), error(in[1]))}};
  }
  if (name == "max") {
    return {{graph_.apply(name, {in[0].value}, fields), graph_.apply(name, {error(in[0])}, fields)}};
  }
  if (name == "exp") {  // e^{x + e} − e^x
    const Value y = exp(in[0].value), propagated = sub(exp(add(in[0].value, error(in[0]))), y);
    return {{y, add(propagated, add(contract(y, constant(1.0)), rounding(y)))}};
  }
  if (name == "log") {  // log x − log(x − e)
    const Value y = log(in[0].value), propagated = sub(y, log(sub(in[0].value, error(in[0]))));
    return {{y, add(propagated, add(contract(y, constant(1.0)), rounding(y)))}};
  }
  // For a > 0: a^b = e^{b log a}, and log a moves by no more than λ = −log(1 − e/a).
  if (name == "pow") {
    const Value a = in[0].value, b = in[1].value, y = pow(a, b);
    const Value lambda = neg(log(sub(constant(1.0), div(error(in[0]), a))));
    const Value exponent = add(mul(add(abs(b), error(in[1])), lambda), mul(abs(log(a)), error(in[1])));
    const Value propagated = mul(y, sub(exp(exponent), constant(1.0)));
    return {{y, add(propagated, add(contract(y, constant(1.0)), rounding(y)))}};
  }
  if (moves(name)) {
    std::vector<Value> values, errors;
    for (const Bounded& x : in) {
      values.push_back(x.value);
      errors.push_back(error(x));
    }
    return {{graph_.apply(name, values, fields), abs(graph_.apply(name, errors, fields))}};
  }
  if (is_function(name)) return {function(op, in[0], fields)};
  if (op.expand) return expand(op, in, fields);
  // A gradient: the kept operand is exact here.
  const Value y = graph_.apply(name, {in[0].value, in[1].value}, fields);
  return {{y, add(contract(y, in[0].value), rounding(y))}};
}

}  // namespace assay::conformance
