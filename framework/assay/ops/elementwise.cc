#include "assay/ops/elementwise.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/movement.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

Spec broadcast_pair(const Call& call) {
  const Spec& a = call.inputs[0];
  const Spec& b = call.inputs[1];
  if (!is_real(a.dtype) || a.dtype != b.dtype) {
    throw Error(fmt::format("operands of dtypes {} and {}: both must be the same real dtype",
                            name_of(a.dtype), name_of(b.dtype)));
  }
  return {a.dtype, broadcast(a.shape, b.shape)};
}

std::vector<Spec> infer_binary(const Call& call) { return {broadcast_pair(call)}; }

std::vector<Spec> infer_mask(const Call& call) { return {{DType::u8, broadcast_pair(call).shape}}; }

std::vector<Spec> infer_unary(const Call& call) {
  if (!is_real(call.inputs[0].dtype))
    throw Error("an operand of dtype " + std::string(name_of(call.inputs[0].dtype)));
  return {call.inputs[0]};
}

std::vector<Spec> infer_where(const Call& call) {
  if (call.inputs[0].dtype != DType::u8) {
    throw Error("the mask of 'where' is " + call.inputs[0].to_string() + ", but u8 is wanted");
  }
  const Spec rest = broadcast_pair({call.inputs.subspan(1), call.fields});
  return {{rest.dtype, broadcast(call.inputs[0].shape, rest.shape)}};
}

// Extents around the widths of vector registers, each kind of broadcast, and the empty tensor.
std::vector<Case> binary_cases(Domain a, Domain b) {
  std::vector<Case> cases;
  for (std::int64_t n :
       {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100, 127, 129, 257, 1009}) {
    cases.push_back({fmt::format("vector of {}", n), {{Shape{n}, a}, {Shape{n}, b}}});
  }
  cases.push_back({"scalars", {{Shape{}, a}, {Shape{}, b}}});
  cases.push_back({"matrix", {{Shape{3, 5}, a}, {Shape{3, 5}, b}}});
  cases.push_back({"tensor", {{Shape{2, 3, 5, 7}, a}, {Shape{2, 3, 5, 7}, b}}});
  cases.push_back({"scalar on the right", {{Shape{5, 7}, a}, {Shape{}, b}}});
  cases.push_back({"scalar on the left", {{Shape{}, a}, {Shape{5, 7}, b}}});
  cases.push_back({"one element on the right", {{Shape{5, 7}, a}, {Shape{1}, b}}});
  for (std::int64_t n : {1, 7, 8, 17, 33}) {
    cases.push_back({fmt::format("row of {}", n), {{Shape{5, n}, a}, {Shape{n}, b}}});
    cases.push_back({fmt::format("column beside {}", n), {{Shape{5, n}, a}, {Shape{5, 1}, b}}});
    cases.push_back({fmt::format("row of {} on the left", n), {{Shape{n}, a}, {Shape{3, n}, b}}});
  }
  cases.push_back({"channels", {{Shape{2, 3, 5, 7}, a}, {Shape{3, 1, 1}, b}}});
  cases.push_back({"both broadcast", {{Shape{3, 1, 5}, a}, {Shape{1, 7, 1}, b}}});
  cases.push_back({"middle axis", {{Shape{3, 5, 7}, a}, {Shape{3, 1, 7}, b}}});
  cases.push_back({"ranks 1 and 4", {{Shape{7}, a}, {Shape{2, 3, 5, 7}, b}}});
  // Axes that no two neighbours go through together: as many loops as axes.
  cases.push_back({"every other axis", {{Shape{2, 3, 2, 3, 2, 3}, a}, {Shape{2, 1, 2, 1, 2, 1}, b}}});
  cases.push_back({"axes in turn", {{Shape{2, 1, 3, 1, 2, 1, 5}, a}, {Shape{1, 3, 1, 2, 1, 3, 1}, b}}});
  cases.push_back(
      {"eight axes in turn", {{Shape{2, 1, 3, 1, 2, 1, 3, 1}, a}, {Shape{1, 3, 1, 2, 1, 3, 1, 2}, b}}});
  cases.push_back({"empty by broadcast", {{Shape{0, 3}, a}, {Shape{1, 3}, b}}});
  return cases;
}

std::vector<Case> unary_cases(Domain domain) {
  std::vector<Case> cases;
  for (std::int64_t n : {0,  1,  2,  3,  4,  5,  6,  7,  8,   9,   10,  12,  13,  15,  16,   17,
                         24, 31, 32, 33, 47, 63, 64, 65, 127, 128, 129, 255, 257, 511, 1009, 4099}) {
    cases.push_back({fmt::format("vector of {}", n), {{Shape{n}, domain}}});
  }
  for (const Shape& shape : {Shape{}, Shape{1, 1}, Shape{3, 5}, Shape{5, 3}, Shape{2, 3, 5}, Shape{7, 11, 13},
                             Shape{2, 3, 5, 7}, Shape{1, 1, 17, 1}, Shape{2, 0, 3}, Shape{31, 33}}) {
    cases.push_back({"tensor " + shape.to_string(), {{shape, domain}}});
  }
  return cases;
}

std::vector<Case> where_cases() {
  std::vector<Case> cases;
  for (const Case& base : binary_cases(Domain::real, Domain::real)) {
    Case with_mask = base;
    with_mask.inputs.insert(with_mask.inputs.begin(),
                            CaseInput{broadcast(base.inputs[0].shape, base.inputs[1].shape), Domain::mask});
    cases.push_back(std::move(with_mask));
  }
  cases.push_back({"mask of a row", {{Shape{7}, Domain::mask}, {Shape{3, 7}}, {Shape{}}}});
  cases.push_back({"mask of one", {{Shape{}, Domain::mask}, {Shape{3, 7}}, {Shape{3, 7}}}});
  return cases;
}

// Each contribution of a broadcasting op, summed back to the operand's shape.
void give(Vjp& d, std::size_t i, Value contribution) { d.add(i, sum_to(contribution, d.input(i).shape())); }

// maximum and minimum: the cotangent goes to the operand that was chosen, half to each where they tie (as
// PyTorch).
void derivative_of_extremum(Vjp& d, bool largest) {
  const Value a = d.input(0), b = d.input(1), dy = d.cotangent();
  const Value zero = d.graph().constant(0.0, dy.dtype());
  const Value half = where(equal(a, b), scale(dy, 0.5), zero);
  if (d.wanted(0)) give(d, 0, where(largest ? greater(a, b) : greater(b, a), dy, half));
  if (d.wanted(1)) give(d, 1, where(largest ? greater(b, a) : greater(a, b), dy, half));
}

// ∂a^b/∂a = b a^{b−1};  ∂a^b/∂b = a^b log a. Where b = 0, and where a = 0 and b ≥ 0, the function is taken
// for constant, as PyTorch does, not for the 0 · ∞ and the −∞ that the formulas have at a = 0.
void derivative_of_pow(Vjp& d) {
  const Value a = d.input(0), b = d.input(1), dy = d.cotangent();
  const Value zero = d.graph().constant(0.0, dy.dtype());
  if (d.wanted(0)) {
    const Value slope = mul(b, pow(a, shift(b, -1.0)));
    give(d, 0, mul(dy, where(equal(b, zero), zero, slope)));
  }
  if (d.wanted(1)) {
    const Value slope = mul(d.output(), log(a));
    give(d, 1, mul(dy, where(equal(a, zero), where(greater(zero, b), slope, zero), slope)));
  }
}

OpDef binary(std::string name, std::string formula, DerivativeRule derivative, Domain a = Domain::real,
             Domain b = Domain::real) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"a", "b"};
  op.outputs = {"c"};
  op.infer = infer_binary;
  op.derivative = std::move(derivative);
  op.cases = [=] { return binary_cases(a, b); };
  return op;
}

OpDef unary(std::string name, std::string formula, DerivativeRule derivative, Domain domain = Domain::real) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.infer = infer_unary;
  op.derivative = std::move(derivative);
  op.cases = [=] { return unary_cases(domain); };
  return op;
}

OpDef polynomial(OpDef op) {
  op.polynomial = true;
  return op;
}

OpDef with_neutral(OpDef op, std::vector<Neutral> neutral) {
  op.neutral = std::move(neutral);
  return op;
}

OpDef comparison(std::string name, std::string formula) {
  OpDef op = polynomial(binary(std::move(name), std::move(formula), nullptr));
  op.infer = infer_mask;
  op.undifferentiated = {0, 1};
  return op;
}

}  // namespace

Value add(Value a, Value b) { return a.graph().apply("add", {a, b}); }
Value sub(Value a, Value b) { return a.graph().apply("sub", {a, b}); }
Value mul(Value a, Value b) { return a.graph().apply("mul", {a, b}); }
Value div(Value a, Value b) { return a.graph().apply("div", {a, b}); }
Value pow(Value a, Value b) { return a.graph().apply("pow", {a, b}); }
Value maximum(Value a, Value b) { return a.graph().apply("maximum", {a, b}); }
Value minimum(Value a, Value b) { return a.graph().apply("minimum", {a, b}); }
Value greater(Value a, Value b) { return a.graph().apply("greater", {a, b}); }
Value equal(Value a, Value b) { return a.graph().apply("equal", {a, b}); }
Value where(Value mask, Value a, Value b) { return a.graph().apply("where", {mask, a, b}); }
Value neg(Value x) { return x.graph().apply("neg", {x}); }
Value exp(Value x) { return x.graph().apply("exp", {x}); }
Value log(Value x) { return x.graph().apply("log", {x}); }
Value sqrt(Value x) { return x.graph().apply("sqrt", {x}); }
Value abs(Value x) { return x.graph().apply("abs", {x}); }
Value sign(Value x) { return x.graph().apply("sign", {x}); }
Value scale(Value x, double factor) { return mul(x, x.graph().constant(factor, x.dtype())); }
Value shift(Value x, double term) { return add(x, x.graph().constant(term, x.dtype())); }

void register_elementwise_ops(OpTable& ops, const std::string& owner) {
  const auto put = [&](OpDef op) {
    const std::string name = op.name;
    ops.add(name, std::move(op), owner);
  };

  put(polynomial(binary("add", "c = a + b", [](Vjp& d) {
    if (d.wanted(0)) give(d, 0, d.cotangent());
    if (d.wanted(1)) give(d, 1, d.cotangent());
  })));
  put(polynomial(binary("sub", "c = a − b", [](Vjp& d) {
    if (d.wanted(0)) give(d, 0, d.cotangent());
    if (d.wanted(1)) give(d, 1, neg(d.cotangent()));
  })));
  put(with_neutral(polynomial(binary("mul", "c = a ⊙ b",
                                     [](Vjp& d) {
                                       if (d.wanted(0)) give(d, 0, mul(d.cotangent(), d.input(1)));
                                       if (d.wanted(1)) give(d, 1, mul(d.cotangent(), d.input(0)));
                                     })),
                   {{0, 1.0}, {1, 1.0}}));
  // ∂(a/b)/∂b = −a/b² = −c/b
  put(with_neutral(binary(
                       "div", "c = a / b",
                       [](Vjp& d) {
                         const Value over_b = div(d.cotangent(), d.input(1));
                         if (d.wanted(0)) give(d, 0, over_b);
                         if (d.wanted(1)) give(d, 1, neg(mul(over_b, d.output())));
                       },
                       Domain::real, Domain::nonzero),
                   {{1, 1.0}}));
  put(binary("pow", "c = a^b", derivative_of_pow, Domain::positive, Domain::real));
  put(polynomial(binary("maximum", "c = max(a, b)", [](Vjp& d) { derivative_of_extremum(d, true); })));
  put(polynomial(binary("minimum", "c = min(a, b)", [](Vjp& d) { derivative_of_extremum(d, false); })));
  put(comparison("greater", "c = [a > b]"));
  put(comparison("equal", "c = [a = b]"));

  OpDef select;
  select.name = "where";
  select.formula = "c = a where mask, else b";
  select.inputs = {"mask", "a", "b"};
  select.outputs = {"c"};
  select.infer = infer_where;
  select.derivative = [](Vjp& d) {
    const Value zero = d.graph().constant(0.0, d.cotangent().dtype());
    if (d.wanted(1)) give(d, 1, where(d.input(0), d.cotangent(), zero));
    if (d.wanted(2)) give(d, 2, where(d.input(0), zero, d.cotangent()));
  };
  select.cases = where_cases;
  select.polynomial = true;
  put(std::move(select));

  put(polynomial(unary("neg", "y = −x", [](Vjp& d) { d.add(0, neg(d.cotangent())); })));
  put(unary("exp", "y = e^x", [](Vjp& d) { d.add(0, mul(d.cotangent(), d.output())); }));
  put(unary(
      "log", "y = log x", [](Vjp& d) { d.add(0, div(d.cotangent(), d.input(0))); }, Domain::positive));
  // ∂√x/∂x = 1 / (2√x)
  put(unary(
      "sqrt", "y = √x", [](Vjp& d) { d.add(0, div(d.cotangent(), scale(d.output(), 2.0))); },
      Domain::positive));
  put(polynomial(unary("abs", "y = |x|", [](Vjp& d) { d.add(0, mul(d.cotangent(), sign(d.input(0)))); })));
  OpDef signum = polynomial(unary("sign", "y = [x > 0] − [x < 0]", nullptr));
  signum.undifferentiated = {0};  // constant on both sides of zero
  put(std::move(signum));
}

}  // namespace assay
