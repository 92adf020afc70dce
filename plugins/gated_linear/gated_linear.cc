// A gated linear unit, y = (X Wᵀ + b) ⊙ σ(X Vᵀ + c) (Dauphin et al. 2017): a layer as a composition of ops.
// It has no kernel and no derivative of its own: both follow from the ops.
#include <assay/plugin.h>

using namespace assay;

namespace {

Value build(LayerBuilder& layer) {
  const Value x = layer.input();
  if (x.shape().rank() != 2) {
    throw Error("gated_linear wants features [B, D], and the layer above gives " + x.spec().to_string())
        .help("put a flatten before it");
  }
  const std::int64_t in = x.shape()[1], out = layer.fields().integer("units");
  const Fans fans{in, out};
  const auto affine = [&](const std::string& weight, const std::string& bias) {
    return linear(x, layer.parameter(weight, Shape{out, in}, {.type = "fan_in_uniform"}, fans),
                  layer.parameter(bias, Shape{out}, {.type = "zeros"}));
  };
  return mul(affine("weight", "bias"), activate("sigmoid", affine("gate_weight", "gate_bias")));
}

}  // namespace

ASSAY_PLUGIN("gated_linear", "1.0", registry) {
  LayerDef layer;
  layer.name = "gated_linear";
  layer.summary = "a dense layer whose outputs are gated by another one";
  layer.formula = "y = (X Wᵀ + b) ⊙ σ(X Vᵀ + c)";
  layer.fields = {{.name = "units",
                   .kind = FieldKind::integer,
                   .summary = "features that come out",
                   .required = true,
                   .minimum = 1}};
  layer.parameters = {{"weight", "[out, in]", "fan_in_uniform"},
                      {"bias", "[out]", "zeros"},
                      {"gate_weight", "[out, in]", "fan_in_uniform"},
                      {"gate_bias", "[out]", "zeros"}};
  layer.build = build;
  registry.add_layer(std::move(layer));
}
