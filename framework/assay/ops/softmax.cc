#include "assay/ops/softmax.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

std::int64_t axis_of(const Fields& fields) { return fields.integer("axis"); }

std::vector<Spec> infer_softmax(const Call& call) {
  const Spec& x = call.inputs[0];
  require_real("x", x);
  const int axis = normalized_axes({axis_of(call.fields)}, x.shape.rank()).front();
  if (x.shape[axis] == 0) {
    throw Error(fmt::format("axis {} of x {} has no elements, and no probabilities add up to 1", axis,
                            x.to_string()));
  }
  return {x};
}

std::vector<Spec> infer_softmax_grad(const Call& call) {
  require_spec("dy", call.inputs[0], call.inputs[1], "the shape of y");
  return infer_softmax({call.inputs.subspan(1), call.fields});
}

Value sum_along(Value x, const Fields& fields) { return sum(x, {axis_of(fields)}, /*keep=*/true); }

Value shifted(Value x, const Fields& fields) { return sub(x, max(x, {axis_of(fields)}, /*keep=*/true)); }

std::vector<Value> expand_softmax(std::span<const Value> in, const Fields& fields) {
  const Value e = exp(shifted(in[0], fields));
  return {div(e, sum_along(e, fields))};
}

std::vector<Value> expand_log_softmax(std::span<const Value> in, const Fields& fields) {
  const Value x = shifted(in[0], fields);
  return {sub(x, log(sum_along(exp(x), fields)))};
}

// ∂y_k/∂x_j = y_k ([k = j] − y_j), so ∂L/∂x_j = y_j (dy_j − Σ_k dy_k y_k)
std::vector<Value> expand_softmax_grad(std::span<const Value> in, const Fields& fields) {
  const Value dy = in[0], y = in[1];
  return {mul(y, sub(dy, sum_along(mul(dy, y), fields)))};
}

// ∂y_k/∂x_j = [k = j] − e^{y_j}, so ∂L/∂x_j = dy_j − e^{y_j} Σ_k dy_k
std::vector<Value> expand_log_softmax_grad(std::span<const Value> in, const Fields& fields) {
  const Value dy = in[0], y = in[1];
  return {sub(dy, mul(exp(y), sum_along(dy, fields)))};
}

std::vector<Case> softmax_cases(std::size_t operands) {
  std::vector<Case> cases;
  const auto put = [&](const Shape& shape, std::int64_t axis) {
    cases.push_back({fmt::format("{} along {}", shape.to_string(), axis),
                     std::vector<CaseInput>(operands, CaseInput{shape}),
                     {{"axis", axis}}});
  };
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 65, 127, 1009}) {
    put(Shape{3, n}, -1);
    put(Shape{n, 5}, 0);
  }
  for (std::int64_t n : {2, 4, 5, 6, 12, 24, 48, 63, 64, 100, 128, 129, 255, 256, 257}) put(Shape{5, n}, 1);
  for (std::int64_t n : {1, 3, 8, 17, 33}) put(Shape{2, 3, n}, 2);
  put(Shape{1}, 0);
  put(Shape{7}, 0);
  put(Shape{1, 10}, 1);
  put(Shape{128, 10}, 1);
  put(Shape{2, 3, 5}, 0);
  put(Shape{2, 3, 5}, 1);
  put(Shape{2, 3, 5}, -1);
  put(Shape{2, 3, 5, 7}, 1);
  put(Shape{2, 3, 5, 7}, -2);
  put(Shape{2, 3, 1, 7}, 2);
  put(Shape{0, 5}, 1);
  put(Shape{5, 0}, 0);
  return cases;
}

OpDef softmax_op(std::string name, std::string formula, std::vector<std::string> inputs, std::string output) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = std::move(inputs);
  op.outputs = {std::move(output)};
  op.fields = {{.name = "axis",
                .kind = FieldKind::integer,
                .summary = "the axis along which probabilities add up to 1; negative counts from the end",
                .fallback = std::int64_t{-1}}};
  op.cases = [operands = op.inputs.size()] { return softmax_cases(operands); };
  return op;
}

}  // namespace

Value softmax(Value x, std::int64_t axis) { return x.graph().apply("softmax", {x}, {{"axis", axis}}); }
Value log_softmax(Value x, std::int64_t axis) {
  return x.graph().apply("log_softmax", {x}, {{"axis", axis}});
}
Value softmax_grad(Value dy, Value y, std::int64_t axis) {
  return y.graph().apply("softmax_grad", {dy, y}, {{"axis", axis}});
}
Value log_softmax_grad(Value dy, Value y, std::int64_t axis) {
  return y.graph().apply("log_softmax_grad", {dy, y}, {{"axis", axis}});
}

void register_softmax_ops(OpTable& ops, const std::string& owner) {
  OpDef probabilities = softmax_op("softmax", "y_k = e^{x_k} / Σ_j e^{x_j}", {"x"}, "y");
  probabilities.infer = infer_softmax;
  probabilities.derivative = [](Vjp& d) {
    d.add(0, softmax_grad(d.cotangent(), d.output(), axis_of(d.fields())));
  };
  probabilities.expand = expand_softmax;
  add_op(ops, std::move(probabilities), owner);

  OpDef logarithms = softmax_op("log_softmax", "y_k = x_k − log Σ_j e^{x_j}", {"x"}, "y");
  logarithms.infer = infer_softmax;
  logarithms.derivative = [](Vjp& d) {
    d.add(0, log_softmax_grad(d.cotangent(), d.output(), axis_of(d.fields())));
  };
  logarithms.expand = expand_log_softmax;
  add_op(ops, std::move(logarithms), owner);

  OpDef gradient = softmax_op("softmax_grad", "dx_k = y_k (dy_k − Σ_j dy_j y_j)", {"dy", "y"}, "dx");
  gradient.infer = infer_softmax_grad;
  gradient.expand = expand_softmax_grad;
  gradient.polynomial = true;
  add_op(ops, std::move(gradient), owner);

  OpDef log_gradient = softmax_op("log_softmax_grad", "dx_k = dy_k − e^{y_k} Σ_j dy_j", {"dy", "y"}, "dx");
  log_gradient.infer = infer_softmax_grad;
  log_gradient.expand = expand_log_softmax_grad;
  add_op(ops, std::move(log_gradient), owner);
}

}  // namespace assay
