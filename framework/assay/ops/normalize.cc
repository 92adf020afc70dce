#include "assay/ops/normalize.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

using Axes = std::vector<std::int64_t>;

// Which axes of x the statistics are taken over, and which shapes the small operands have. Everything below
// is written once in these terms, for batches and for layers.
struct Scheme {
  Axes reduced;          // axes of x that mean and variance reduce
  Shape statistic;       // shape of mean and variance
  Shape statistic_kept;  // the same, broadcasting against x
  Axes shared;           // axes of x along which weight and bias repeat
  Shape parameter;       // shape of weight and bias
  Shape parameter_kept;  // the same, broadcasting against x
  double count = 1.0;    // elements behind one statistic
};

Scheme batch_scheme(const Shape& x) {
  Scheme s;
  std::vector<std::int64_t> kept(static_cast<std::size_t>(x.rank()), 1);
  kept[1] = x[1];
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis != 1) s.reduced.push_back(axis);
  }
  s.shared = s.reduced;
  s.statistic = s.parameter = Shape{x[1]};
  s.statistic_kept = s.parameter_kept = Shape(kept);
  s.count = static_cast<double>(x[0] * x.count(2, x.rank()));
  return s;
}

Scheme layer_scheme(const Shape& x, std::int64_t first) {
  const auto extents = x.extents();
  const auto leading = static_cast<std::size_t>(first);
  Scheme s;
  for (int axis = 0; axis < x.rank(); ++axis) (axis < first ? s.shared : s.reduced).push_back(axis);
  s.statistic = Shape(extents.first(leading));
  std::vector<std::int64_t> kept(extents.begin(), extents.end());
  std::fill(kept.begin() + first, kept.end(), 1);
  s.statistic_kept = Shape(kept);
  s.parameter = s.parameter_kept = Shape(extents.subspan(leading));
  s.count = static_cast<double>(s.parameter.count());
  return s;
}

// The scheme of an op with x as its input `x_index`; a layer norm has a field 'axis'. Checks x.
Scheme scheme_of(const Spec& x, const Fields& fields) {
  require_real("x", x);
  if (fields.find("axis") == nullptr) {
    if (x.shape.rank() < 2) {
      throw Error(
          fmt::format("x is {} of rank {}, but [N, C, ...] is wanted", x.to_string(), x.shape.rank()));
    }
    return batch_scheme(x.shape);
  }
  const std::int64_t axis = fields.integer("axis");
  if (axis >= x.shape.rank()) {
    throw Error(fmt::format("field 'axis' is {}, but x is {} of rank {}: no axis is left to normalise over",
                            axis, x.to_string(), x.shape.rank()));
  }
  return layer_scheme(x.shape, axis);
}

void require_elements(const Spec& x, const Scheme& s) {
  if (s.count == 0.0) {
    throw Error(fmt::format("no elements to normalise over in x {}, axes [{}]", x.to_string(),
                            fmt::join(s.reduced, ", ")));
  }
}

void require_parameter(std::string_view name, const Spec& operand, const Spec& x, const Scheme& s) {
  require_spec(name, operand, {x.dtype, s.parameter}, "x is " + x.to_string());
}

void require_statistic(std::string_view name, const Spec& operand, const Spec& x, const Scheme& s) {
  require_spec(name, operand, {x.dtype, s.statistic}, "x is " + x.to_string());
}

std::vector<Spec> infer_normalize(const Call& call) {
  const Spec& x = call.inputs[0];
  const Scheme s = scheme_of(x, call.fields);
  require_elements(x, s);
  require_parameter("weight", call.inputs[1], x, s);
  require_parameter("bias", call.inputs[2], x, s);
  return {x, {x.dtype, s.statistic}, {x.dtype, s.statistic}};
}

std::vector<Spec> infer_gradients(const Call& call) {
  const Spec& x = call.inputs[1];
  const Scheme s = scheme_of(x, call.fields);
  require_elements(x, s);
  require_spec("dy", call.inputs[0], x, "the shape of x");
  require_parameter("weight", call.inputs[2], x, s);
  require_statistic("mean", call.inputs[3], x, s);
  require_statistic("variance", call.inputs[4], x, s);
  return {x, {x.dtype, s.parameter}, {x.dtype, s.parameter}};
}

std::vector<Spec> infer_inference(const Call& call) {
  const Spec& x = call.inputs[0];
  const Scheme s = scheme_of(x, call.fields);
  require_parameter("weight", call.inputs[1], x, s);
  require_parameter("bias", call.inputs[2], x, s);
  require_statistic("mean", call.inputs[3], x, s);
  require_statistic("variance", call.inputs[4], x, s);
  return {x};
}

// √(σ² + ε), broadcasting against x.
Value deviation(Value variance, const Scheme& s, const Fields& fields) {
  return sqrt(shift(reshape(variance, s.statistic_kept), fields.number("epsilon")));
}

// y = γ x̂ + β
Value scaled(Value normal, Value weight, Value bias, const Scheme& s) {
  return add(mul(reshape(weight, s.parameter_kept), normal), reshape(bias, s.parameter_kept));
}

std::vector<Value> expand_normalize(std::span<const Value> in, const Fields& fields) {
  const Scheme s = scheme_of(in[0].spec(), fields);
  const Value average = mean(in[0], s.reduced, /*keep=*/true);
  const Value centred = sub(in[0], average);
  const Value variance = mean(mul(centred, centred), s.reduced, /*keep=*/true);
  const Value normal = div(centred, deviation(variance, s, fields));
  return {scaled(normal, in[1], in[2], s), reshape(average, s.statistic), reshape(variance, s.statistic)};
}

std::vector<Value> expand_inference(std::span<const Value> in, const Fields& fields) {
  const Scheme s = scheme_of(in[0].spec(), fields);
  const Value centred = sub(in[0], reshape(in[3], s.statistic_kept));
  return {scaled(div(centred, deviation(in[4], s, fields)), in[1], in[2], s)};
}

// With x̂ = (x − μ)/√(σ² + ε) and g = γ dy, and ⟨·⟩ the mean over the elements behind one statistic:
//   dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩) / √(σ² + ε),  dγ = Σ dy x̂,  dβ = Σ dy.
std::vector<Value> expand_gradients(std::span<const Value> in, const Fields& fields) {
  const Value dy = in[0], x = in[1], weight = in[2];
  const Scheme s = scheme_of(x.spec(), fields);
  const Value root = deviation(in[4], s, fields);
  const Value normal = div(sub(x, reshape(in[3], s.statistic_kept)), root);
  const Value g = mul(reshape(weight, s.parameter_kept), dy);
  const Value mean_g = mean(g, s.reduced, /*keep=*/true);
  const Value mean_gx = mean(mul(g, normal), s.reduced, /*keep=*/true);
  const Value dx = div(sub(sub(g, mean_g), mul(normal, mean_gx)), root);
  return {dx, sum(mul(dy, normal), s.shared), sum(dy, s.shared)};
}

// Through y by the op's gradient; through the statistics by ∂μ/∂x = 1/m and ∂σ²/∂x = 2 (x − μ)/m, so that the
// gradient op, which takes them as operands, can be differentiated again.
void derivative_of_normalize(Vjp& d, std::string_view gradient_op) {
  const Value x = d.input(0), mean = d.output(1), variance = d.output(2);
  const Scheme s = scheme_of(x.spec(), d.fields());
  if (d.has_cotangent(0)) {
    const auto gradients =
        d.graph().apply_all(gradient_op, {d.cotangent(0), x, d.input(1), mean, variance}, d.fields());
    for (std::size_t i = 0; i < 3; ++i) {
      if (d.wanted(i)) d.add(i, gradients[i]);
    }
  }
  if (!d.wanted(0)) return;
  const Value count = d.graph().constant(s.count, x.dtype());
  const auto share = [&](Value cotangent) { return div(reshape(cotangent, s.statistic_kept), count); };
  if (d.has_cotangent(1)) d.add(0, broadcast_to(share(d.cotangent(1)), x.shape()));
  if (d.has_cotangent(2)) {
    const Value centred = sub(x, reshape(mean, s.statistic_kept));
    d.add(0, mul(share(d.cotangent(2)), scale(centred, 2.0)));
  }
}

// What the inputs of each op are, in terms of the scheme.
enum class NormalizationRole { forward, gradients, inference };

Case make_case(std::string label, const Shape& x, Fields fields, NormalizationRole role) {
  const Scheme s = scheme_of({DType::f64, x}, fields);
  const CaseInput image{x}, parameter{s.parameter}, mean{s.statistic},
      variance{s.statistic, Domain::positive};
  Case c{std::move(label), {}, std::move(fields)};
  switch (role) {
    case NormalizationRole::forward:
      c.inputs = {image, parameter, parameter};
      break;
    case NormalizationRole::gradients:
      c.inputs = {image, image, parameter, mean, variance};
      break;
    case NormalizationRole::inference:
      c.inputs = {image, parameter, parameter, mean, variance};
      break;
  }
  return c;
}

// An epsilon of the order of the variance shows where it enters; the default one hides it. A small one shows
// a kernel that takes no less than some epsilon of its own, and a tiny one shows it of any that counts in
// f64.
constexpr double kUsual = 1e-5, kLarge = 0.5, kSmall = 1e-10, kTiny = 1e-20, kNone = 0.0;

std::vector<Case> batch_cases(NormalizationRole role) {
  std::vector<Case> cases;
  const auto put = [&](const Shape& x, double epsilon) {
    cases.push_back(
        make_case(fmt::format("{}, ε = {}", x.to_string(), epsilon), x, {{"epsilon", epsilon}}, role));
  };
  for (std::int64_t n : {2, 3, 7, 8, 9, 15, 16, 17, 31, 33}) {
    put(Shape{n, 5}, kUsual);
    put(Shape{3, n}, kLarge);
    put(Shape{2, 3, 5, n}, kUsual);
    put(Shape{2, n, 3, 5}, kLarge);
  }
  put(Shape{1, 3, 5, 7}, kLarge);
  put(Shape{1, 3}, kLarge);  // one element behind each statistic: x̂ is 0
  put(Shape{2, 1, 1, 1}, kLarge);
  put(Shape{5, 3, 7}, kUsual);
  put(Shape{7, 3}, kSmall);
  put(Shape{2, 3, 5, 7}, kSmall);
  put(Shape{17, 3}, kTiny);
  put(Shape{3, 2, 5, 3}, kTiny);
  put(Shape{13, 3}, kNone);
  put(Shape{2, 3, 5, 4}, kNone);
  put(Shape{2, 3, 2, 5, 3}, kLarge);
  put(Shape{17, 1, 3, 3}, kUsual);
  put(Shape{4, 2, 28, 28}, kUsual);
  put(Shape{3, 0, 5, 7}, kUsual);
  if (role == NormalizationRole::inference) put(Shape{0, 3, 5, 7}, kUsual);
  return cases;
}

std::vector<Case> layer_cases(NormalizationRole role) {
  std::vector<Case> cases;
  const auto put = [&](const Shape& x, std::int64_t axis, double epsilon) {
    cases.push_back(make_case(fmt::format("{} from axis {}, ε = {}", x.to_string(), axis, epsilon), x,
                              {{"axis", axis}, {"epsilon", epsilon}}, role));
  };
  for (std::int64_t n : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 64, 65, 127, 129}) {
    put(Shape{3, n}, 1, kLarge);
    put(Shape{n, 5}, 1, kUsual);
  }
  put(Shape{2, 3, 5}, 1, kUsual);
  put(Shape{2, 3, 5}, 2, kLarge);
  put(Shape{2, 3, 5, 7}, 1, kLarge);
  put(Shape{2, 3, 5, 7}, 2, kUsual);
  put(Shape{2, 3, 5, 7}, 3, kLarge);
  put(Shape{1, 17}, 1, kUsual);
  put(Shape{5, 11}, 1, kSmall);
  put(Shape{3, 19}, 1, kTiny);
  put(Shape{3, 21}, 1, kNone);
  put(Shape{1, 1, 1}, 1, kLarge);
  put(Shape{13, 257}, 1, kUsual);
  put(Shape{0, 5}, 1, kUsual);
  return cases;
}

FieldDef variance_epsilon_field() {
  return {.name = "epsilon",
          .kind = FieldKind::number,
          .summary = "added to the variance",
          .fallback = 1e-5,
          .minimum = 0.0};
}

FieldDef first_axis_field() {
  return {.name = "axis",
          .kind = FieldKind::integer,
          .summary = "the first normalised axis",
          .fallback = std::int64_t{1},
          .minimum = 1};
}

OpDef normalization(std::string name, std::string formula, std::vector<FieldDef> fields) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"x", "weight", "bias"};
  op.outputs = {"y", "mean", "variance"};
  op.fields = std::move(fields);
  op.infer = infer_normalize;
  op.derivative = [gradient_op = op.name + "_grad"](Vjp& d) { derivative_of_normalize(d, gradient_op); };
  op.expand = expand_normalize;
  return op;
}

OpDef gradients(std::string name, std::string formula, std::vector<FieldDef> fields) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"dy", "x", "weight", "mean", "variance"};
  op.outputs = {"dx", "dweight", "dbias"};
  op.fields = std::move(fields);
  op.infer = infer_gradients;
  op.expand = expand_gradients;
  return op;
}

Normalized as_normalized(const std::vector<Value>& v) { return {v[0], v[1], v[2]}; }
NormalizedGradients as_gradients(const std::vector<Value>& v) { return {v[0], v[1], v[2]}; }

}  // namespace

Normalized batch_norm(Value x, Value weight, Value bias, double epsilon) {
  return as_normalized(x.graph().apply_all("batch_norm", {x, weight, bias}, {{"epsilon", epsilon}}));
}
NormalizedGradients batch_norm_grad(Value dy, Value x, Value weight, Value mean, Value variance,
                                    double epsilon) {
  return as_gradients(
      x.graph().apply_all("batch_norm_grad", {dy, x, weight, mean, variance}, {{"epsilon", epsilon}}));
}
Value batch_norm_inference(Value x, Value weight, Value bias, Value mean, Value variance, double epsilon) {
  return x.graph().apply("batch_norm_inference", {x, weight, bias, mean, variance}, {{"epsilon", epsilon}});
}
Normalized layer_norm(Value x, Value weight, Value bias, std::int64_t axis, double epsilon) {
  return as_normalized(
      x.graph().apply_all("layer_norm", {x, weight, bias}, {{"axis", axis}, {"epsilon", epsilon}}));
}
NormalizedGradients layer_norm_grad(Value dy, Value x, Value weight, Value mean, Value variance,
                                    std::int64_t axis, double epsilon) {
  return as_gradients(x.graph().apply_all("layer_norm_grad", {dy, x, weight, mean, variance},
                                          {{"axis", axis}, {"epsilon", epsilon}}));
}

void register_normalize_ops(OpTable& ops, const std::string& owner) {
  const std::string forward_formula = "x̂ = (x − μ) / √(σ² + ε), y = γ x̂ + β";
  const std::string gradient_formula = "dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m), dγ = Σ dy x̂, dβ = Σ dy";
  const std::string layer_gradient_formula =
      "g = γ dy, dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩) / √(σ² + ε), dγ = Σ dy x̂, dβ = Σ dy";

  OpDef batch = normalization("batch_norm", forward_formula + ", μ and σ² over all axes but the channels",
                              {variance_epsilon_field()});
  batch.cases = [] { return batch_cases(NormalizationRole::forward); };
  add_op(ops, std::move(batch), owner);

  OpDef batch_gradients = gradients("batch_norm_grad", gradient_formula, {variance_epsilon_field()});
  batch_gradients.cases = [] { return batch_cases(NormalizationRole::gradients); };
  add_op(ops, std::move(batch_gradients), owner);

  OpDef inference;
  inference.name = "batch_norm_inference";
  inference.formula = forward_formula + ", μ and σ² given";
  inference.inputs = {"x", "weight", "bias", "mean", "variance"};
  inference.outputs = {"y"};
  inference.fields = {variance_epsilon_field()};
  inference.infer = infer_inference;
  inference.expand = expand_inference;
  inference.cases = [] { return batch_cases(NormalizationRole::inference); };
  add_op(ops, std::move(inference), owner);

  OpDef layer = normalization("layer_norm", forward_formula + ", μ and σ² over the axes from 'axis' on",
                              {first_axis_field(), variance_epsilon_field()});
  layer.cases = [] { return layer_cases(NormalizationRole::forward); };
  add_op(ops, std::move(layer), owner);

  OpDef layer_gradients =
      gradients("layer_norm_grad", layer_gradient_formula, {first_axis_field(), variance_epsilon_field()});
  layer_gradients.cases = [] { return layer_cases(NormalizationRole::gradients); };
  add_op(ops, std::move(layer_gradients), owner);
}

}  // namespace assay
