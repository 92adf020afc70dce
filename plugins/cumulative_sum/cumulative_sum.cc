// Cumulative sums along the last axis, y_j = Σ_{k ≤ j} x_k: an op that no composition expresses without n²
// work. Its derivative is the same op from the other end: ∂L/∂x_k = Σ_{j ≥ k} ∂L/∂y_j.
#include <assay/plugin.h>

using namespace assay;

namespace {

Value cumulative_sum(Value x, bool reverse) {
  return x.graph().apply("cumulative_sum", {x}, {{"reverse", reverse}});
}

OpDef cumulative_sum_op() {
  OpDef op;
  op.name = "cumulative_sum";
  op.formula = "y_j = Σ_{k ≤ j} x_k along the last axis; in reverse Σ_{k ≥ j} x_k";
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.fields = {
      {.name = "reverse", .kind = FieldKind::boolean, .summary = "sum from the end", .fallback = false}};
  op.infer = [](const Call& call) -> std::vector<Spec> {
    require_real("x", call.inputs[0]);
    if (call.inputs[0].shape.rank() == 0) throw Error("x is a scalar, and has no axis to sum along");
    return {call.inputs[0]};
  };
  op.derivative = [](Vjp& d) { d.add(0, cumulative_sum(d.cotangent(), !d.fields().boolean("reverse"))); };
  // What the verification tries: edges first, then sizes around those of vectors and blocks.
  for (const bool reverse : {false, true}) {
    for (const Shape& shape :
         {Shape{1}, Shape{3, 0}, Shape{0, 3}, Shape{5}, Shape{2, 3, 4}, Shape{3, 17}, Shape{2, 129}})
      op.cases.push_back(
          {shape.to_string() + (reverse ? " in reverse" : ""), {{shape}}, {{"reverse", reverse}}});
  }
  op.polynomial = true;  // + alone: exact on integers
  return op;
}

// The definition of the op, on every scalar: float, double, and those of the verification.
template <class T>
auto cumulative_sum_kernel(const Site& site) {
  const std::int64_t length = site.input(0).shape[-1];
  const std::int64_t rows = length == 0 ? 0 : site.input(0).count() / length;
  return [rows, length, reverse = site.fields().boolean("reverse")](const Io& io) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* x = io.in<T>(0) + row * length;
      T* y = io.out<T>(0) + row * length;
      T sum = T(0);
      for (std::int64_t k = 0; k < length; ++k) {
        const std::int64_t j = reverse ? length - 1 - k : k;
        sum += x[j];
        y[j] = sum;
      }
    }
  };
}

}  // namespace

ASSAY_PLUGIN("cumulative_sum", "1.0", registry) {
  registry.add_op(cumulative_sum_op());
  registry.add_kernel("reference", "cumulative_sum",
                      for_every_scalar<Scalars::all>(
                          []<class T>(const Site& site) { return cumulative_sum_kernel<T>(site); }));

  LayerDef layer;  // and a layer, so that experiments can use it
  layer.name = "cumulative_sum";
  layer.summary = "sums of each sample's features up to each feature";
  layer.formula = "y_j = Σ_{k ≤ j} x_k";
  layer.build = [](LayerBuilder& builder) { return cumulative_sum(builder.input(), false); };
  registry.add_layer(std::move(layer));
}
