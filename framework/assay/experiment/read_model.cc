#include "assay/experiment/read_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

std::optional<InitializerConfig> read_initializer(const ConfigNode& node, const Registry& registry,
                                                  Diagnostics& diagnostics, std::string_view what) {
  InitializerConfig config;
  config.where = node.where();
  const bool number = node.is_scalar() &&
                      (node.scalar_type() == ScalarType::integer || node.scalar_type() == ScalarType::number);
  if (node.is_sequence() || number) {
    config.given = read_array(node, diagnostics, what);
    if (!config.given) return std::nullopt;
    return config;
  }
  const auto component = read_component(node, registry.initializers, "initializer", diagnostics);
  if (!component) return std::nullopt;
  config.type = component->type;
  config.fields = component->fields;
  return config;
}

// `init: NAME` and `init: {type: NAME, ...}` start the weight; `init: {weight: ..., bias: ...}` each
// parameter.
void read_initializers(const ConfigNode& node, const LayerDef& def, const Registry& registry,
                       Diagnostics& diagnostics, LayerConfig& layer) {
  if (!node.is_map() || node.find("type") != nullptr) {
    if (auto config = read_initializer(node, registry, diagnostics, "'init'"))
      layer.init["weight"] = std::move(*config);
    return;
  }
  MapReader reader(node, diagnostics, fmt::format("the initialisers of layer '{}'", def.name));
  for (const ParameterDoc& parameter : def.parameters) {
    const ConfigNode* value = reader.optional(parameter.name);
    if (value == nullptr) continue;
    if (auto config = read_initializer(*value, registry, diagnostics, "'" + parameter.name + "'")) {
      layer.init[parameter.name] = std::move(*config);
    }
  }
  reader.finish();
}

std::vector<LayerConfig> read_layers(const ConfigNode& node, const Registry& registry,
                                     Diagnostics& diagnostics);

std::optional<LayerConfig> read_layer(const ConfigNode& node, const Registry& registry,
                                      Diagnostics& diagnostics) {
  LayerConfig layer;
  layer.where = node.where();
  const ConfigNode map = in_full(node);
  MapReader outer(map, diagnostics, "a layer");
  const ConfigNode* type = outer.required("type");
  if (type == nullptr) return std::nullopt;
  const auto name = read_text(*type, diagnostics, "'type'");
  if (!name) return std::nullopt;
  const LayerDef* def = registry.layers.find(*name);
  if (def == nullptr) {
    report(diagnostics, *type, fmt::format("unknown layer '{}'", *name), "no such layer",
           suggestion("layer", *name, registry.layers.names()));
    return std::nullopt;
  }
  layer.type = *name;
  if (type->where()) layer.where = type->where();
  MapReader reader(map, diagnostics, fmt::format("layer '{}'", *name));
  reader.optional("type");
  bool good = true;
  if (const ConfigNode* own = reader.optional("name")) {
    const auto text = read_text(*own, diagnostics, "'name'");
    good = text.has_value();
    if (text) layer.name = *text;
    if (text && (text->empty() || *text == "input" || text->find_first_of("/[]") != std::string::npos)) {
      report(diagnostics, *own, fmt::format("'{}' is no name for a layer", *text),
             "names hold no '/', '[' or ']', and 'input' is taken");
      good = false;
    }
  }
  if (const ConfigNode* inputs = reader.optional("inputs")) {
    if (auto names = read_texts(*inputs, diagnostics, "'inputs'")) layer.inputs = std::move(*names);
  }
  if (!def->parameters.empty()) {
    if (const ConfigNode* init = reader.optional("init"))
      read_initializers(*init, *def, registry, diagnostics, layer);
  }
  if (def->nested) {
    if (const ConfigNode* block = reader.required("layers"))
      layer.layers = read_layers(*block, registry, diagnostics);
  }
  const auto fields = reader.fields(def->fields);
  reader.finish();
  if (!fields || !good) return std::nullopt;
  layer.fields = *fields;
  return layer;
}

std::vector<LayerConfig> read_layers(const ConfigNode& node, const Registry& registry,
                                     Diagnostics& diagnostics) {
  std::vector<LayerConfig> layers;
  if (!node.is_sequence()) {
    report(diagnostics, node, fmt::format("'layers' must be a list of layers, not {}", describe(node)),
           "a list expected", "write one '- {type: ...}' per layer");
    return layers;
  }
  for (const ConfigNode& item : node.items()) {
    if (auto layer = read_layer(item, registry, diagnostics)) layers.push_back(std::move(*layer));
  }
  return layers;
}

}  // namespace

void read_model(MapReader& reader, const Registry& registry, ModelConfig& model) {
  Diagnostics& diagnostics = reader.diagnostics();
  model.where = reader.node().where();
  if (const ConfigNode* input = reader.required("input")) {
    const auto extents = read_integers(*input, diagnostics, "'input'", 1, std::int64_t{1} << 31);
    if (extents && extents->size() >= static_cast<std::size_t>(Shape::kMaxRank)) {
      report(diagnostics, *input,
             fmt::format("'input' has {} extents, and a sample has at most {}", extents->size(),
                         Shape::kMaxRank - 1));
    } else if (extents) {
      try {
        model.input = Shape(*extents);
      } catch (Error& error) {
        if (input->where()) error.at(*input->where());
        diagnostics.add(error);
      }
    }
  }
  if (const ConfigNode* layers = reader.required("layers")) {
    model.layers = read_layers(*layers, registry, diagnostics);
    if (layers->is_sequence() && layers->items().empty())
      report(diagnostics, *layers, "the model has no layers", "at least one is needed");
  }
}

}  // namespace assay
