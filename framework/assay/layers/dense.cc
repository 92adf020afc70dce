// dense: the article's Z = X Wᵀ + b; embedding: rows of a table by index.
#include "assay/layers/layers.h"
#include "assay/ops/linear.h"
#include "assay/ops/movement.h"

namespace assay {
namespace {

Value build_dense(LayerBuilder& layer) {
  const Value x = feature_input(layer);
  const std::int64_t in = x.shape()[-1], out = layer.fields().integer("units");
  const Fans fans{in, out};
  const Value weight = layer.parameter("weight", Shape{out, in}, {.type = "fan_in_uniform"}, fans);
  if (!layer.fields().boolean("bias")) return linear(x, weight);
  return linear(x, weight, layer.parameter("bias", Shape{out}, {.type = "fan_in_uniform"}, fans));
}

Value build_embedding(LayerBuilder& layer) {
  const std::int64_t count = layer.fields().integer("count"), units = layer.fields().integer("units");
  return gather(layer.parameter("weight", Shape{count, units}, {.type = "normal"}, {count, units}),
                layer.input());
}

}  // namespace

void register_dense_layers(LayerTable& layers, const std::string& owner) {
  LayerDef dense;
  dense.name = "dense";
  dense.summary = "every output from every feature; leading axes of a sample stay";
  dense.formula = "Z = X Wᵀ + b";
  dense.fields = {{.name = "units",
                   .kind = FieldKind::integer,
                   .summary = "features that come out",
                   .required = true,
                   .minimum = 1},
                  {.name = "bias", .kind = FieldKind::boolean, .summary = "add b", .fallback = true}};
  dense.parameters = {{"weight", "[out, in]", "fan_in_uniform"}, {"bias", "[out]", "fan_in_uniform"}};
  dense.build = build_dense;
  layers.add(dense.name, dense, owner);

  LayerDef embedding;
  embedding.name = "embedding";
  embedding.summary = "a vector for each index; reads the model's input, as integers";
  embedding.formula = "y[i…] = W[x[i…]]";
  embedding.fields = {{.name = "count",
                       .kind = FieldKind::integer,
                       .summary = "rows of the table; indices lie in [0, count)",
                       .required = true,
                       .minimum = 1},
                      {.name = "units",
                       .kind = FieldKind::integer,
                       .summary = "features of each row",
                       .required = true,
                       .minimum = 1}};
  embedding.parameters = {{"weight", "[count, units]", "normal"}};
  embedding.index_limit = "count";
  embedding.build = build_embedding;
  layers.add(embedding.name, embedding, owner);
}

}  // namespace assay
