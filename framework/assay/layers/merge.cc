// Layers that bring several values together: add, multiply, concat; and residual, a block beside its own
// input.
#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/layers/layers.h"
#include "assay/layers/sample_shape.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/movement.h"

namespace assay {
namespace {

std::string per_sample(Value x) { return without_batch(x.shape()).to_string(); }

// Extents are equal, or 1 where the value repeats along the axis.
void require_broadcast(const LayerBuilder& layer) {
  const Value first = layer.input();
  for (std::size_t i = 1; i < layer.input_count(); ++i) {
    const Value other = layer.input(i);
    bool fits = first.shape().rank() == other.shape().rank();
    for (int axis = 1; fits && axis < first.shape().rank(); ++axis) {
      const std::int64_t a = first.shape()[axis], b = other.shape()[axis];
      fits = a == b || a == 1 || b == 1;
    }
    if (fits) continue;
    throw Error(
        fmt::format(
            "inputs 1 and {} are {} and {} per sample: as many axes, and extents that are equal or 1, are "
            "wanted",
            i + 1, per_sample(first), per_sample(other)))
        .help("bring them to one shape first, with dense, conv2d (kernel: 1) or reshape");
  }
}

Value fold(LayerBuilder& layer, Value (*combine)(Value, Value)) {
  require_broadcast(layer);
  Value result = layer.input();
  for (std::size_t i = 1; i < layer.input_count(); ++i) result = combine(result, layer.input(i));
  return result;
}

Value build_concat(LayerBuilder& layer) {
  const Value first = layer.input();
  const std::int64_t axis = sample_axis(layer, first.shape());
  std::vector<Value> inputs;
  for (std::size_t i = 0; i < layer.input_count(); ++i) {
    const Value other = layer.input(i);
    bool fits = first.shape().rank() == other.shape().rank();
    for (int k = 1; fits && k < first.shape().rank(); ++k)
      fits = k == axis || first.shape()[k] == other.shape()[k];
    if (!fits) {
      throw Error(
          fmt::format(
              "inputs 1 and {} are {} and {} per sample: only axis {} (axis 0 is the batch) may differ",
              i + 1, per_sample(first), per_sample(other), axis))
          .help("choose another axis, or reshape an input");
    }
    inputs.push_back(other);
  }
  return concat(inputs, axis);
}

Value build_residual(LayerBuilder& layer) {
  const Value x = layer.input(0), block = layer.input(1);
  if (x.shape() != block.shape()) {
    throw Error(fmt::format("the block turns {} into {} per sample, which cannot be added to its input",
                            per_sample(x), per_sample(block)))
        .help(
            "keep the shape inside the block (as many filters or units as come in, stride 1, padding: same), "
            "or merge two "
            "branches with add");
  }
  return add(block, x);
}

}  // namespace

void register_merge_layers(LayerTable& layers, const std::string& owner) {
  LayerDef sum;
  sum.name = "add";
  sum.summary = "the sum of its inputs; an extent of 1 repeats";
  sum.formula = "y = x₁ + x₂ + …";
  sum.merges = true;
  sum.build = [](LayerBuilder& layer) { return fold(layer, add); };
  layers.add(sum.name, sum, owner);

  LayerDef product;
  product.name = "multiply";
  product.summary = "the product of its inputs, element by element; an extent of 1 repeats";
  product.formula = "y = x₁ ⊙ x₂ ⊙ …";
  product.merges = true;
  product.build = [](LayerBuilder& layer) { return fold(layer, mul); };
  layers.add(product.name, product, owner);

  LayerDef joined;
  joined.name = "concat";
  joined.summary = "its inputs side by side along an axis";
  joined.formula = "y = [x₁, x₂, …]";
  joined.fields = {{.name = "axis",
                    .kind = FieldKind::integer,
                    .summary = "the axis, axis 0 being the batch; negative counts from the end",
                    .fallback = std::int64_t{1}}};
  joined.merges = true;
  joined.build = build_concat;
  layers.add(joined.name, joined, owner);

  LayerDef residual;
  residual.name = "residual";
  residual.summary = "a block of layers whose input is added to its output (He et al. 2016)";
  residual.formula = "y = f(x) + x";
  residual.nested = true;
  residual.build = build_residual;
  layers.add(residual.name, residual, owner);
}

}  // namespace assay
