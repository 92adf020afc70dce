#include "assay/ops/loss.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/activation.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"
#include "assay/ops/softmax.h"

namespace assay {
namespace {

std::vector<Spec> infer_pair(const Call& call) {
  const Spec& prediction = call.inputs[0];
  require_real("prediction", prediction);
  require_spec("target", call.inputs[1], prediction, "a target for every prediction");
  if (prediction.shape.rank() < 1) throw Error("prediction is a scalar, but [B, ...] is wanted");
  if (prediction.count() == 0)
    throw Error("a mean over no elements: prediction is " + prediction.to_string());
  return {{prediction.dtype, Shape{}}};
}

void require_labels(const Spec& scores, const Spec& labels, std::string_view name) {
  require_image(name, scores, "[B, K]");
  if (scores.count() == 0)
    throw Error(fmt::format("a mean over no elements: {} is {}", name, scores.to_string()));
  require_spec("labels", labels, {DType::i32, Shape{scores.shape[0]}}, "one class per row");
}

std::vector<Spec> infer_cross_entropy(const Call& call) {
  const Spec& logits = call.inputs[0];
  require_labels(logits, call.inputs[1], "logits");
  return {{logits.dtype, Shape{}}, logits};
}

std::vector<Spec> infer_cross_entropy_grad(const Call& call) {
  const Spec& probabilities = call.inputs[1];
  require_labels(probabilities, call.inputs[2], "probabilities");
  require_spec("dloss", call.inputs[0], {probabilities.dtype, Shape{}}, "the loss is a scalar");
  return {probabilities};
}

double rows_of(Value x) { return static_cast<double>(x.shape()[0]); }
double elements_of(Value x) { return static_cast<double>(x.shape().count()); }

Value over(Value x, double count) { return div(x, x.graph().constant(count, x.dtype())); }

// What prediction and target receive from a loss of their difference: ∂L/∂A, and its negative.
void give_both(Vjp& d, Value by_prediction) {
  if (d.wanted(0)) d.add(0, by_prediction);
  if (d.wanted(1)) d.add(1, neg(by_prediction));
}

// A − Y
Value error_of(std::span<const Value> in) { return sub(in[0], in[1]); }
Value error_of(Vjp& d) { return sub(d.input(0), d.input(1)); }

// r, held within [−delta, delta]: the derivative of the Huber function.
Value clamped(Value r, double delta) {
  Graph& graph = r.graph();
  return minimum(maximum(r, graph.constant(-delta, r.dtype())), graph.constant(delta, r.dtype()));
}

// h(r) = c (r − c/2) with c = r held within [−δ, δ].
std::vector<Value> expand_huber(std::span<const Value> in, const Fields& fields) {
  const Value r = error_of(in), c = clamped(r, fields.number("delta"));
  return {mean(mul(c, sub(r, scale(c, 0.5))))};
}

// max(z, 0) − y z + log(1 + e^{−|z|})
std::vector<Value> expand_binary_cross_entropy(std::span<const Value> in, const Fields&) {
  const Value z = in[0], y = in[1];
  const Value linear_part = sub(maximum(z, z.graph().constant(0.0, z.dtype())), mul(y, z));
  return {over(sum(add(linear_part, activate("softplus", neg(abs(z))))), rows_of(z))};
}

// ∂L/∂z = (σ(z) − y)/B and ∂L/∂y = −z/B
void derivative_of_binary_cross_entropy(Vjp& d) {
  const Value z = d.input(0), y = d.input(1), share = over(d.cotangent(), rows_of(z));
  if (d.wanted(0)) d.add(0, mul(sub(activate("sigmoid", z), y), share));
  if (d.wanted(1)) d.add(1, neg(mul(z, share)));
}

// ∂L/∂x = (p − q)/B; what comes through the probabilities goes the way of any softmax.
void derivative_of_cross_entropy(Vjp& d) {
  const Value probabilities = d.output(1);
  if (d.has_cotangent(0)) {
    d.add(0, softmax_cross_entropy_grad(d.cotangent(0), probabilities, d.input(1),
                                        d.fields().number("label_smoothing")));
  }
  if (d.has_cotangent(1)) d.add(0, softmax_grad(d.cotangent(1), probabilities, 1));
}

// dx = dloss (p − q)/B is linear in dloss and, but for the constant q, in p.
void derivative_of_cross_entropy_grad(Vjp& d) {
  const Value dloss = d.input(0), probabilities = d.input(1), g = d.cotangent();
  if (d.wanted(0)) {
    const Value one = d.graph().constant(1.0, dloss.dtype());
    d.add(0, sum(mul(g, softmax_cross_entropy_grad(one, probabilities, d.input(2),
                                                   d.fields().number("label_smoothing")))));
  }
  if (d.wanted(1)) d.add(1, mul(g, over(dloss, rows_of(probabilities))));
}

std::vector<Case> pair_cases(Fields fields = {}) {
  std::vector<Case> cases;
  const auto put = [&](const Shape& shape) {
    cases.push_back({"batch " + shape.to_string(), {{shape}, {shape}}, fields});
  };
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 129}) {
    put(Shape{n});
    put(Shape{n, 5});
    put(Shape{3, n});
  }
  put(Shape{1, 1});
  put(Shape{2, 3, 5});
  put(Shape{2, 3, 5, 7});
  put(Shape{128, 10});
  put(Shape{4, 1009});
  return cases;
}

std::vector<Case> cross_entropy_cases(bool gradient) {
  std::vector<Case> cases;
  const auto put = [&](std::int64_t rows, std::int64_t classes, double smoothing) {
    Case c{fmt::format("{} rows of {} classes, smoothing {}", rows, classes, smoothing), {}};
    if (gradient) c.inputs.push_back({Shape{}});
    c.inputs.push_back({Shape{rows, classes}});
    c.inputs.push_back({Shape{rows}, Domain::index, classes});
    c.fields = {{"label_smoothing", smoothing}};
    cases.push_back(std::move(c));
  };
  for (std::int64_t n : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 65}) {
    put(5, n, 0.0);
    put(n, 3, 0.0);
    put(3, n, 0.1);
  }
  put(1, 1, 0.0);
  put(1, 1, 0.5);
  put(33, 2, 0.0);  // the first and the last label, many times each
  put(128, 10, 0.0);
  put(64, 10, 0.1);
  put(515, 3, 0.1);
  put(2, 1009, 0.0);
  put(7, 5, 1.0);
  return cases;
}

OpDef loss(std::string name, std::string formula, DerivativeRule derivative, ExpandRule expand) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"prediction", "target"};
  op.outputs = {"loss"};
  op.infer = infer_pair;
  op.derivative = std::move(derivative);
  op.expand = std::move(expand);
  op.cases = [] { return pair_cases(); };
  return op;
}

FieldDef label_smoothing_field() {
  return {.name = "label_smoothing",
          .kind = FieldKind::number,
          .summary = "share s of the target that is spread evenly over all classes",
          .fallback = 0.0,
          .minimum = 0.0,
          .maximum = 1.0};
}

}  // namespace

Value half_squared_error(Value prediction, Value target) {
  return prediction.graph().apply("half_squared_error", {prediction, target});
}
Value mean_squared_error(Value prediction, Value target) {
  return prediction.graph().apply("mean_squared_error", {prediction, target});
}
Value mean_absolute_error(Value prediction, Value target) {
  return prediction.graph().apply("mean_absolute_error", {prediction, target});
}
Value huber(Value prediction, Value target, double delta) {
  return prediction.graph().apply("huber", {prediction, target}, {{"delta", delta}});
}
CrossEntropy softmax_cross_entropy(Value logits, Value labels, double label_smoothing) {
  const auto results = logits.graph().apply_all("softmax_cross_entropy", {logits, labels},
                                                {{"label_smoothing", label_smoothing}});
  return {results[0], results[1]};
}
Value softmax_cross_entropy_grad(Value dloss, Value probabilities, Value labels, double label_smoothing) {
  return dloss.graph().apply("softmax_cross_entropy_grad", {dloss, probabilities, labels},
                             {{"label_smoothing", label_smoothing}});
}
Value binary_cross_entropy(Value logits, Value target) {
  return logits.graph().apply("binary_cross_entropy", {logits, target});
}

void register_loss_ops(OpTable& ops, const std::string& owner) {
  // Article, "The General Backpropagation Algorithm", steps 3 and 4: Δ begins with A − Y; its 1/B stands
  // here.
  OpDef half_squared = loss(
      "half_squared_error", "L = 1/(2B) ‖Y − A‖²_F",
      [](Vjp& d) { give_both(d, mul(error_of(d), over(d.cotangent(), rows_of(d.input(0))))); },
      [](std::span<const Value> in, const Fields&) {
        const Value r = error_of(in);
        return std::vector<Value>{over(sum(mul(r, r)), 2.0 * rows_of(r))};
      });
  half_squared.polynomial = true;
  add_op(ops, std::move(half_squared), owner);

  OpDef mean_squared = loss(
      "mean_squared_error", "L = 1/n ‖Y − A‖²_F",
      [](Vjp& d) {
        give_both(d, mul(error_of(d), over(scale(d.cotangent(), 2.0), elements_of(d.input(0)))));
      },
      [](std::span<const Value> in, const Fields&) {
        const Value r = error_of(in);
        return std::vector<Value>{mean(mul(r, r))};
      });
  mean_squared.polynomial = true;
  add_op(ops, std::move(mean_squared), owner);

  OpDef mean_absolute = loss(
      "mean_absolute_error", "L = 1/n Σ |a − y|",
      [](Vjp& d) { give_both(d, mul(sign(error_of(d)), over(d.cotangent(), elements_of(d.input(0))))); },
      [](std::span<const Value> in, const Fields&) { return std::vector<Value>{mean(abs(error_of(in)))}; });
  mean_absolute.polynomial = true;
  add_op(ops, std::move(mean_absolute), owner);

  OpDef robust = loss(
      "huber", "L = 1/n Σ h(a − y), h(r) = r²/2 where |r| ≤ δ, else δ (|r| − δ/2)",
      [](Vjp& d) {
        const Value slope = clamped(error_of(d), d.fields().number("delta"));
        give_both(d, mul(slope, over(d.cotangent(), elements_of(d.input(0)))));
      },
      expand_huber);
  robust.fields = {{.name = "delta",
                    .kind = FieldKind::number,
                    .summary = "the error from which on the loss grows linearly",
                    .fallback = 1.0,
                    .minimum = 0.0}};
  robust.cases = [] {
    std::vector<Case> cases = pair_cases({{"delta", 1.0}});
    for (const double delta : {0.25, 2.5}) {
      for (Case c : pair_cases({{"delta", delta}})) {
        c.label += fmt::format(", δ = {}", delta);
        cases.push_back(std::move(c));
      }
    }
    cases.push_back({"17, δ = 0", {{Shape{17}}, {Shape{17}}}, {{"delta", 0.0}}});
    return cases;
  };
  add_op(ops, std::move(robust), owner);

  OpDef binary = loss("binary_cross_entropy", "L = −1/B Σ (y log σ(z) + (1 − y) log(1 − σ(z)))",
                      derivative_of_binary_cross_entropy, expand_binary_cross_entropy);
  binary.inputs = {"logits", "target"};
  add_op(ops, std::move(binary), owner);

  OpDef classes;
  classes.name = "softmax_cross_entropy";
  classes.formula = "L = −1/B Σ_bk q_bk log p_bk, p = softmax(x), q_bk = (1 − s) [k = label_b] + s/K";
  classes.inputs = {"logits", "labels"};
  classes.outputs = {"loss", "probabilities"};
  classes.fields = {label_smoothing_field()};
  classes.infer = infer_cross_entropy;
  classes.derivative = derivative_of_cross_entropy;
  classes.cases = [] { return cross_entropy_cases(false); };
  classes.undifferentiated = {1};
  add_op(ops, std::move(classes), owner);

  OpDef gradient;
  gradient.name = "softmax_cross_entropy_grad";
  gradient.formula = "dx_bk = dL (p_bk − q_bk)/B";
  gradient.inputs = {"dloss", "probabilities", "labels"};
  gradient.outputs = {"dlogits"};
  gradient.fields = {label_smoothing_field()};
  gradient.infer = infer_cross_entropy_grad;
  gradient.derivative = derivative_of_cross_entropy_grad;
  gradient.cases = [] { return cross_entropy_cases(true); };
  gradient.polynomial = true;
  gradient.undifferentiated = {2};
  add_op(ops, std::move(gradient), owner);
}

}  // namespace assay
