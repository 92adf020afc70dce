// max_pool2d, avg_pool2d, global_avg_pool.
#include "assay/layers/layers.h"
#include "assay/layers/padding.h"
#include "assay/ops/pool.h"

namespace assay {
namespace {

// The op's fields: sizes as given, padding as four numbers.
Fields window_fields(const LayerBuilder& layer, const Shape& images) {
  const Fields& fields = layer.fields();
  const auto& size = fields.integers("size");
  const auto& stride = fields.find("stride") != nullptr ? fields.integers("stride") : size;
  const auto padding =
      resolve_padding(*fields.find("padding"), {.input = images[2], .size = size[0], .stride = stride[0]},
                      {.input = images[3], .size = size[1], .stride = stride[1]}, "pool");
  return {{"size", size}, {"stride", stride}, {"padding", padding}};
}

Value build_max_pool2d(LayerBuilder& layer) {
  const Value x = image_input(layer);
  return max_pool2d(x, window_fields(layer, x.shape())).y;
}

Value build_avg_pool2d(LayerBuilder& layer) {
  const Value x = image_input(layer);
  Fields fields = window_fields(layer, x.shape());
  fields.set("count_padding", layer.fields().boolean("count_padding"));
  return avg_pool2d(x, fields);
}

std::vector<FieldDef> window_field_defs() {
  return {{.name = "size",
           .kind = FieldKind::pair,
           .summary = "extent of a window",
           .required = true,
           .minimum = 1},
          {.name = "stride",
           .kind = FieldKind::pair,
           .summary = "pixels between two windows; without it, the size",
           .optional = true,
           .minimum = 1},
          {.name = "padding",
           .kind = FieldKind::padding,
           .summary = "border around the image; same: output = ⌈input / stride⌉",
           .fallback = std::vector<std::int64_t>{0, 0, 0, 0},
           .minimum = 0}};
}

}  // namespace

void register_pooling_layers(LayerTable& layers, const std::string& owner) {
  LayerDef max;
  max.name = "max_pool2d";
  max.summary = "the largest of each window; padding is never chosen";
  max.formula = "y[c, i, j] = max_{u, v} x[c, i s + u, j s + v]";
  max.fields = window_field_defs();
  max.build = build_max_pool2d;
  layers.add(max.name, max, owner);

  LayerDef average;
  average.name = "avg_pool2d";
  average.summary = "the average of each window";
  average.formula = "y[c, i, j] = mean_{u, v} x[c, i s + u, j s + v]";
  average.fields = window_field_defs();
  average.fields.push_back({.name = "count_padding",
                            .kind = FieldKind::boolean,
                            .summary = "divide by the window's size where it reaches over the border, too",
                            .fallback = false});
  average.build = build_avg_pool2d;
  layers.add(average.name, average, owner);

  LayerDef global;
  global.name = "global_avg_pool";
  global.summary = "the average of each channel: [channels, height, width] to [channels]";
  global.formula = "y[c] = mean_{i, j} x[c, i, j]";
  global.build = [](LayerBuilder& layer) { return global_avg_pool(image_input(layer)); };
  layers.add(global.name, global, owner);
}

}  // namespace assay
