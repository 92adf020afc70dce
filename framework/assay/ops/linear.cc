#include "assay/ops/linear.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

void require_one_real_dtype(std::span<const Spec> specs) {
  for (const Spec& spec : specs) {
    if (!is_real(spec.dtype) || spec.dtype != specs.front().dtype) {
      throw Error(fmt::format("operands of dtypes {} and {}: all must be the same real dtype",
                              name_of(specs.front().dtype), name_of(spec.dtype)));
    }
  }
}

std::vector<Spec> infer_linear(const Call& call) {
  require_one_real_dtype(call.inputs);
  const Shape& x = call.inputs[0].shape;
  const Shape& weight = call.inputs[1].shape;
  if (x.rank() < 1 || weight.rank() != 2 || x[-1] != weight[1]) {
    throw Error(
        fmt::format("x is {} and weight is {}: the last axis of x must be the last of weight [out, in]",
                    x.to_string(), weight.to_string()));
  }
  if (call.inputs.size() == 3 && call.inputs[2].shape != Shape{weight[0]}) {
    throw Error(fmt::format("bias is {}, but weight {} wants [{}]", call.inputs[2].shape.to_string(),
                            weight.to_string(), weight[0]));
  }
  return {{call.inputs[0].dtype, x.with(-1, weight[0])}};
}

// Rows of a tensor seen as a matrix: all axes but the last in one.
Value as_matrix(Value x) {
  return reshape(x, Shape{x.shape().count(0, x.shape().rank() - 1), x.shape()[-1]});
}

// Article, "Batch Backpropagation Algorithm": ∂L/∂X = Δ W, ∂L/∂b = Σ_i δ_i, and ∂L/∂W = Δᵀ X. The article
// prints Xᵀ Δ for the last, which has the transposed shape of its own W ∈ R^{m×n}; its factor 1/B enters here
// through the loss, in Δ.
void derivative_of_linear(Vjp& d) {
  const Value x = d.input(0), weight = d.input(1);
  const Value delta = as_matrix(d.cotangent());
  if (d.wanted(0)) d.add(0, reshape(matmul(delta, weight), x.shape()));
  if (d.wanted(1)) d.add(1, matmul(delta, as_matrix(x), /*transpose_a=*/true));
  if (d.input_count() == 3 && d.wanted(2)) d.add(2, sum(delta, {0}));
}

std::vector<Value> expand_linear(std::span<const Value> in, const Fields&) {
  const Value product = matmul(as_matrix(in[0]), in[1], false, /*transpose_b=*/true);
  const Value z = in.size() == 3 ? add(product, in[2]) : product;
  return {reshape(z, in[0].shape().with(-1, in[1].shape()[0]))};
}

Shape leading(const Shape& shape) {
  return Shape(shape.extents().first(static_cast<std::size_t>(shape.rank() - 2)));
}

std::vector<Spec> infer_matmul(const Call& call) {
  require_one_real_dtype(call.inputs);
  const Shape& a = call.inputs[0].shape;
  const Shape& b = call.inputs[1].shape;
  const bool ta = call.fields.boolean("transpose_a"), tb = call.fields.boolean("transpose_b");
  if (a.rank() < 2 || b.rank() < 2 || a[ta ? -2 : -1] != b[tb ? -1 : -2]) {
    throw Error(fmt::format("a is {}{} and b is {}{}: the inner extents differ", a.to_string(), ta ? "ᵀ" : "",
                            b.to_string(), tb ? "ᵀ" : ""));
  }
  const Shape batch = broadcast(leading(a), leading(b));
  std::vector<std::int64_t> extents(batch.extents().begin(), batch.extents().end());
  extents.push_back(a[ta ? -1 : -2]);
  extents.push_back(b[tb ? -2 : -1]);
  return {{call.inputs[0].dtype, Shape(extents)}};
}

double linear_work(const Call& call, std::span<const Spec> outputs) {
  return static_cast<double>(outputs[0].count() * call.inputs[1].shape[1]);
}

double matmul_work(const Call& call, std::span<const Spec> outputs) {
  const Shape& a = call.inputs[0].shape;
  return static_cast<double>(outputs[0].count() * a[call.fields.boolean("transpose_a") ? -2 : -1]);
}

// With C = A B: ∂L/∂A = ∂L/∂C Bᵀ and ∂L/∂B = Aᵀ ∂L/∂C; a transposed operand takes the transposed product.
void derivative_of_matmul(Vjp& d) {
  const Value a = d.input(0), b = d.input(1), dc = d.cotangent();
  const bool ta = d.fields().boolean("transpose_a"), tb = d.fields().boolean("transpose_b");
  if (d.wanted(0)) d.add(0, sum_to(ta ? matmul(b, dc, tb, true) : matmul(dc, b, false, !tb), a.shape()));
  if (d.wanted(1)) d.add(1, sum_to(tb ? matmul(dc, a, true, ta) : matmul(a, dc, !ta, false), b.shape()));
}

std::vector<Case> linear_cases() {
  std::vector<Case> cases;
  const auto add_case = [&](const Shape& x, std::int64_t out, bool bias) {
    Case c{fmt::format("{} to {}{}", x.to_string(), out, bias ? "" : " without bias"),
           {{x}, {Shape{out, x[-1]}}}};
    if (bias) c.inputs.push_back({Shape{out}});
    cases.push_back(std::move(c));
  };
  for (std::int64_t n : {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65}) {
    add_case(Shape{3, n}, 5, true);
    add_case(Shape{3, 5}, n, n % 2 == 0);
    add_case(Shape{n, 7}, 11, n % 2 == 1);
  }
  add_case(Shape{41, 29}, 23, true);
  add_case(Shape{67, 129}, 37, true);
  // Long in one extent, so that blocks are.
  add_case(Shape{3, 1033}, 5, true);
  add_case(Shape{2, 3}, 601, true);
  add_case(Shape{601, 3}, 2, true);
  add_case(Shape{2, 523}, 263, false);
  add_case(Shape{1, 1}, 1, true);
  add_case(Shape{0, 3}, 5, true);
  add_case(Shape{3, 0}, 5, true);
  add_case(Shape{3, 5}, 0, true);
  add_case(Shape{2, 3, 5}, 7, true);
  add_case(Shape{5}, 7, true);
  add_case(Shape{2, 3, 2, 5}, 3, false);
  return cases;
}

std::vector<Case> matmul_cases() {
  using Extents = std::vector<std::int64_t>;
  std::vector<Case> cases;
  const auto add_product = [&](Extents a, Extents b, std::int64_t m, std::int64_t k, std::int64_t n, bool ta,
                               bool tb) {
    a.insert(a.end(), {ta ? k : m, ta ? m : k});
    b.insert(b.end(), {tb ? n : k, tb ? k : n});
    const Shape sa(a), sb(b);
    cases.push_back({fmt::format("{}{} · {}{}", sa.to_string(), ta ? "ᵀ" : "", sb.to_string(), tb ? "ᵀ" : ""),
                     {{sa}, {sb}},
                     {{"transpose_a", ta}, {"transpose_b", tb}}});
  };
  const auto add_case = [&](const Extents& batch_a, const Extents& batch_b, std::int64_t m, std::int64_t k,
                            std::int64_t n) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) add_product(batch_a, batch_b, m, k, n, ta, tb);
    }
  };
  for (std::int64_t n : {1, 3, 7, 8, 9, 17, 33}) {
    add_case({}, {}, 5, 3, n);
    add_case({}, {}, n, 5, 3);
    add_case({}, {}, 3, n, 5);
  }
  // A row and a column, too many products for a loop of their own.
  add_case({}, {}, 1, 19, 23);
  add_case({}, {}, 23, 19, 1);
  add_product({}, {}, 41, 29, 23, false, false);  // there to be enlarged, for which one way is enough
  add_case({}, {}, 37, 129, 67);
  // Long in one extent, so that blocks are.
  add_case({}, {}, 3, 1033, 5);
  add_case({}, {}, 2, 3, 601);
  add_case({}, {}, 601, 3, 2);
  add_case({2}, {2}, 3, 5, 7);
  add_case({2, 1}, {3}, 5, 3, 2);
  add_case({}, {4}, 3, 2, 5);
  add_case({4}, {}, 3, 2, 5);
  add_case({3}, {2, 3}, 3, 2, 5);  // the operand of fewer axes again and again
  add_case({2, 3}, {3}, 3, 2, 5);
  add_case({1, 3}, {2, 1}, 2, 3, 4);
  add_case({2}, {}, 2, 3, 3);
  add_case({2, 3}, {}, 3, 2, 5);
  add_case({0}, {}, 3, 2, 5);
  add_case({}, {}, 0, 3, 5);
  add_case({}, {}, 3, 0, 5);
  return cases;
}

}  // namespace

Value linear(Value x, Value weight, Value bias) {
  if (bias) return x.graph().apply("linear", {x, weight, bias});
  return x.graph().apply("linear", {x, weight});
}

Value matmul(Value a, Value b, bool transpose_a, bool transpose_b) {
  return a.graph().apply("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

void register_linear_ops(OpTable& ops, const std::string& owner) {
  OpDef dense;
  dense.name = "linear";
  dense.formula = "Z = X Wᵀ + b";
  dense.inputs = {"x", "weight", "bias?"};
  dense.outputs = {"z"};
  dense.infer = infer_linear;
  dense.derivative = derivative_of_linear;
  dense.expand = expand_linear;
  dense.cases = linear_cases;
  dense.polynomial = true;
  dense.multiply_adds = linear_work;
  ops.add("linear", std::move(dense), owner);

  OpDef product;
  product.name = "matmul";
  product.formula = "C = A B";
  product.inputs = {"a", "b"};
  product.outputs = {"c"};
  product.fields = {
      {.name = "transpose_a", .kind = FieldKind::boolean, .summary = "use Aᵀ", .fallback = false},
      {.name = "transpose_b", .kind = FieldKind::boolean, .summary = "use Bᵀ", .fallback = false}};
  product.infer = infer_matmul;
  product.derivative = derivative_of_matmul;
  product.cases = matmul_cases;
  product.polynomial = true;
  product.multiply_adds = matmul_work;
  ops.add("matmul", std::move(product), owner);
}

}  // namespace assay
