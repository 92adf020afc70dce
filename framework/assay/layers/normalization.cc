// batch_norm and layer_norm.
#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/layers/layers.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/normalize.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

FieldDef epsilon_field() {
  return {.name = "epsilon",
          .kind = FieldKind::number,
          .summary = "ε, added to the variance",
          .fallback = 1e-5,
          .minimum = 0};
}

FieldDef affine_field() {
  return {
      .name = "affine", .kind = FieldKind::boolean, .summary = "scale by γ and shift by β", .fallback = true};
}

// γ and β: parameters, or 1 and 0.
struct Affine {
  Value weight;
  Value bias;
};

Affine affine_parameters(LayerBuilder& layer, const Shape& shape) {
  if (!layer.fields().boolean("affine")) {
    return {layer.graph().constant(1.0, layer.dtype(), shape),
            layer.graph().constant(0.0, layer.dtype(), shape)};
  }
  const Value weight = layer.parameter("weight", shape, {.type = "ones"});
  return {weight, layer.parameter("bias", shape, {.type = "zeros"})};
}

Value build_batch_norm(LayerBuilder& layer) {
  const Value x = feature_input(layer);
  const Shape channels{x.shape()[1]};
  const Affine affine = affine_parameters(layer, channels);
  const Value running_mean = layer.statistic("running_mean", channels, 0.0);
  const Value running_var = layer.statistic("running_var", channels, 1.0);
  const double epsilon = layer.fields().number("epsilon");
  if (layer.mode() == Mode::inference) {
    return batch_norm_inference(x, affine.weight, affine.bias, running_mean, running_var, epsilon);
  }
  const std::int64_t count = x.shape().count() / channels[0];  // per channel
  if (count < 2) {
    throw Error(fmt::format("the batch has one value per channel ({}): its variance says nothing",
                            x.shape().to_string()))
        .help("train with a batch_size that leaves at least two samples in every batch, the last one too");
  }
  const auto n = static_cast<double>(count);
  const Normalized normalized = batch_norm(x, affine.weight, affine.bias, epsilon);
  const double momentum = layer.fields().number("momentum");
  const Value unbiased_variance = scale(normalized.variance, n / (n - 1));
  layer.update(running_mean, add(scale(running_mean, 1 - momentum), scale(normalized.mean, momentum)));
  layer.update(running_var, add(scale(running_var, 1 - momentum), scale(unbiased_variance, momentum)));
  return normalized.y;
}

// The first of the normalised axes, which must be the trailing ones.
int first_axis(const LayerBuilder& layer, const Shape& shape) {
  const auto& axes = layer.fields().integers("axes");
  if (axes.empty()) return 1;
  const std::vector<int> normalized = normalized_axes(axes, shape.rank());
  const int first = shape.rank() - static_cast<int>(normalized.size());
  if (normalized.front() != first || first < 1) {
    throw Error(fmt::format("axes [{}] of an input {} (axis 0 is the batch) are not its last {}",
                            fmt::join(axes, ", "), shape.to_string(), axes.size()))
        .help("normalise over trailing axes, such as [-1]");
  }
  return first;
}

Value build_layer_norm(LayerBuilder& layer) {
  const Value x = feature_input(layer);
  const int axis = first_axis(layer, x.shape());
  const Affine affine =
      affine_parameters(layer, Shape(x.shape().extents().subspan(static_cast<std::size_t>(axis))));
  return layer_norm(x, affine.weight, affine.bias, axis, layer.fields().number("epsilon")).y;
}

}  // namespace

void register_normalization_layers(LayerTable& layers, const std::string& owner) {
  LayerDef batch;
  batch.name = "batch_norm";
  batch.summary =
      "normalises each channel by its mean and variance over batch and pixels; inference uses running "
      "statistics "
      "(Ioffe and Szegedy 2015)";
  batch.formula =
      "y = γ (x − μ) / √(σ² + ε) + β; running ← (1 − momentum) running + momentum · batch, unbiased for σ²";
  batch.fields = {{.name = "momentum",
                   .kind = FieldKind::number,
                   .summary = "the weight of the new statistic",
                   .fallback = 0.1,
                   .minimum = 0,
                   .maximum = 1},
                  epsilon_field(),
                  affine_field()};
  batch.parameters = {{"weight", "[channels]", "ones"},
                      {"bias", "[channels]", "zeros"},
                      {"running_mean", "[channels]", "0, measured"},
                      {"running_var", "[channels]", "1, measured"}};
  batch.build = build_batch_norm;
  layers.add(batch.name, batch, owner);

  LayerDef norm;
  norm.name = "layer_norm";
  norm.summary = "normalises each sample by its own mean and variance (Ba, Kiros and Hinton 2016)";
  norm.formula = "y = γ (x − μ) / √(σ² + ε) + β";
  norm.fields = {
      epsilon_field(),
      {.name = "axes",
       .kind = FieldKind::integers,
       .summary = "trailing axes to normalise over, axis 0 being the batch; none: all but the batch",
       .fallback = std::vector<std::int64_t>{}},
      affine_field()};
  norm.parameters = {{"weight", "the normalised axes", "ones"}, {"bias", "the normalised axes", "zeros"}};
  norm.build = build_layer_norm;
  layers.add(norm.name, norm, owner);
}

}  // namespace assay
