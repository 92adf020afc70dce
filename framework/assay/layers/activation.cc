// Every activation op is a layer by itself; softmax and log_softmax work along an axis.
#include "assay/ops/activation.h"

#include "assay/layers/layers.h"

namespace assay {
namespace {

LayerDef softmax_layer(const std::string& op, std::string summary, std::string formula) {
  LayerDef def;
  def.name = op;
  def.summary = std::move(summary);
  def.formula = std::move(formula);
  def.fields = {{.name = "axis",
                 .kind = FieldKind::integer,
                 .summary = "the axis that sums to one, axis 0 being the batch; negative counts from the end",
                 .fallback = std::int64_t{-1}}};
  def.build = [op](LayerBuilder& layer) {
    const Value x = layer.input();
    return layer.graph().apply(op, {x}, {{"axis", sample_axis(layer, x.shape())}});
  };
  return def;
}

}  // namespace

LayerDef activation_layer(const OpDef& op) {
  LayerDef def;
  def.name = op.name;
  def.summary = "activation, element by element";
  def.formula = op.formula;
  def.fields = op.fields;
  def.build = [name = op.name](LayerBuilder& layer) { return activate(name, layer.input(), layer.fields()); };
  return def;
}

void register_activation_layers(LayerTable& layers, const OpTable& ops, const std::string& owner) {
  for (const auto& [name, entry] : ops.entries()) {
    if (entry.value.activation) layers.add(name, activation_layer(entry.value), owner);
  }
  layers.add("softmax", softmax_layer("softmax", "probabilities from scores", "y_k = e^{x_k} / Σ_j e^{x_j}"),
             owner);
  layers.add(
      "log_softmax",
      softmax_layer("log_softmax", "logarithms of probabilities from scores", "y_k = x_k − log Σ_j e^{x_j}"),
      owner);
}

}  // namespace assay
