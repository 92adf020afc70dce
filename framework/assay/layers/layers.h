// The load list of the built-in layers, by file.
#pragma once

#include <cstdint>
#include <string>

#include "assay/layers/layer.h"

namespace assay {

/// dense, embedding
void register_dense_layers(LayerTable& layers, const std::string& owner);
/// conv2d
void register_convolution_layers(LayerTable& layers, const std::string& owner);
/// max_pool2d, avg_pool2d, global_avg_pool
void register_pooling_layers(LayerTable& layers, const std::string& owner);
/// batch_norm, layer_norm
void register_normalization_layers(LayerTable& layers, const std::string& owner);
/// softmax, log_softmax, and each activation op
void register_activation_layers(LayerTable& layers, const OpTable& ops, const std::string& owner);
/// flatten, reshape
void register_shape_layers(LayerTable& layers, const std::string& owner);
/// dropout
void register_dropout_layers(LayerTable& layers, const std::string& owner);
/// add, multiply, concat, residual
void register_merge_layers(LayerTable& layers, const std::string& owner);

/// The layer's input as features [B, ..., features]. Throws Error where a sample is one number without axes.
Value feature_input(const LayerBuilder& layer);

/// The layer's input as images [B, C, H, W]. Throws Error where it has other axes.
Value image_input(const LayerBuilder& layer);

/// The layer's field `axis` of a value of that shape, from 1 on. Throws Error for the batch axis, and for one
/// that the shape does not have.
std::int64_t sample_axis(const LayerBuilder& layer, const Shape& shape);

}  // namespace assay
