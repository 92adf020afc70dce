// flatten and reshape: the same numbers under other axes; the batch stays.
#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/layers/layers.h"
#include "assay/layers/sample_shape.h"
#include "assay/ops/movement.h"

namespace assay {
namespace {

// The shape of a sample, with −1 replaced by what is left.
Shape target_shape(const LayerBuilder& layer, const Shape& sample) {
  std::vector<std::int64_t> extents = layer.fields().integers("shape");
  const auto unknown = std::ranges::find(extents, -1);
  if (unknown != extents.end()) {
    *unknown = 1;
    if (std::ranges::find(extents, -1) != extents.end())
      throw Error("more than one extent of the shape is -1");
    const std::int64_t rest = Shape(extents).count();
    *unknown = rest > 0 ? sample.count() / rest : 0;
  }
  const Shape shape(extents);
  if (shape.count() != sample.count()) {
    throw Error(fmt::format("a sample of shape {} has {} numbers, but [{}] {}", sample.to_string(),
                            sample.count(), fmt::join(layer.fields().integers("shape"), ", "),
                            unknown == extents.end() ? fmt::format("has {}", shape.count())
                                                     : std::string("does not divide them")))
        .help("the product of the extents must be that number; one extent may be -1, for what is left");
  }
  return shape;
}

Value build_reshape(LayerBuilder& layer) {
  const Value x = layer.input();
  return reshape(x, with_batch(x.shape()[0], target_shape(layer, without_batch(x.shape()))));
}

Value build_flatten(LayerBuilder& layer) {
  const Value x = layer.input();
  return reshape(x, with_batch(x.shape()[0], Shape{without_batch(x.shape()).count()}));
}

}  // namespace

void register_shape_layers(LayerTable& layers, const std::string& owner) {
  LayerDef flatten;
  flatten.name = "flatten";
  flatten.summary = "all numbers of a sample along one axis, row-major";
  flatten.formula = "[d₁, d₂, …] → [d₁ d₂ …]";
  flatten.build = build_flatten;
  layers.add(flatten.name, flatten, owner);

  LayerDef other;
  other.name = "reshape";
  other.summary = "the numbers of a sample under another shape, row-major";
  other.formula = "[d₁, d₂, …] → shape";
  other.fields = {{.name = "shape",
                   .kind = FieldKind::integers,
                   .summary = "of a sample; one extent may be -1, for what is left",
                   .required = true,
                   .minimum = -1}};
  other.build = build_reshape;
  layers.add(other.name, other, owner);
}

}  // namespace assay
