#include "assay/layers/layers.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/layers/sample_shape.h"

namespace assay {

Value feature_input(const LayerBuilder& layer) {
  const Value x = layer.input();
  if (x.shape().rank() < 2) {
    throw Error(
        "the layer reads features, [..., features] per sample, but its input is one number per sample")
        .help("give the sample an axis: {type: reshape, shape: [1]}");
  }
  return x;
}

Value image_input(const LayerBuilder& layer) {
  const Value x = layer.input();
  if (x.shape().rank() != 4) {
    throw Error(
        fmt::format("the layer reads images, [channels, height, width] per sample, but its input is {}",
                    without_batch(x.shape()).to_string()))
        .help("put {type: reshape, shape: [CHANNELS, HEIGHT, WIDTH]} above it");
  }
  return x;
}

std::int64_t sample_axis(const LayerBuilder& layer, const Shape& shape) {
  const std::int64_t axis = layer.fields().integer("axis");
  const std::int64_t counted = axis < 0 ? axis + shape.rank() : axis;
  if (counted < 1 || counted >= shape.rank()) {
    throw Error(fmt::format("axis {} of an input {} (axis 0 is the batch) is {}", axis, shape.to_string(),
                            counted == 0 ? "the batch, whose samples stay apart" : "not there"))
        .help(shape.rank() > 1 ? fmt::format("choose one from 1 to {}, or -1 for the last", shape.rank() - 1)
                               : "a sample here is one number, without axes");
  }
  return counted;
}

void register_layers(LayerTable& layers, const OpTable& ops, const std::string& owner) {
  register_dense_layers(layers, owner);
  register_convolution_layers(layers, owner);
  register_pooling_layers(layers, owner);
  register_normalization_layers(layers, owner);
  register_activation_layers(layers, ops, owner);
  register_shape_layers(layers, owner);
  register_dropout_layers(layers, owner);
  register_merge_layers(layers, owner);
}

}  // namespace assay
