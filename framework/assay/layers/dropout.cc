// dropout: random in training, nothing in inference.
#include "assay/ops/dropout.h"

#include "assay/layers/layers.h"

namespace assay {
namespace {

Value build_dropout(LayerBuilder& layer) {
  const double rate = layer.fields().number("rate");
  if (layer.mode() == Mode::inference || rate == 0.0) return layer.input();
  return dropout(layer.input(), layer.key(), layer.sample(), rate, layer.stream()).y;
}

}  // namespace

void register_dropout_layers(LayerTable& layers, const std::string& owner) {
  LayerDef def;
  def.name = "dropout";
  def.summary = "zeroes elements at random in training, and scales up the others (Srivastava et al. 2014)";
  def.formula = "y = x m / (1 − rate), m = 0 with probability rate, else 1; y = x in inference";
  def.fields = {{.name = "rate",
                 .kind = FieldKind::number,
                 .summary = "the probability of zero",
                 .required = true,
                 .minimum = 0,
                 .maximum = 1}};
  def.build = build_dropout;
  layers.add(def.name, def, owner);
}

}  // namespace assay
