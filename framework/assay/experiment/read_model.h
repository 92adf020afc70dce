// The model, loss and optimizer of an experiment file as configurations.
#pragma once

#include <optional>
#include <string_view>

#include "assay/experiment/read_fields.h"
#include "assay/layers/model.h"

namespace assay {

/// Fills `model` from {input, layers}; `reader` stands on the `model` map and is finished by the caller.
void read_model(MapReader& reader, const Registry& registry, ModelConfig& model);

/// {type: NAME, field: value, ...} of any registry whose entries have fields. nullopt after an error. The
/// kind is that of the table: "optimizer".
template <class Table>
std::optional<ComponentConfig> read_component(const ConfigNode& node, const Table& table,
                                              std::string_view kind, Diagnostics& diagnostics) {
  const ConfigNode map = in_full(node);
  MapReader outer(map, diagnostics, std::string(kind));
  const ConfigNode* type = outer.required("type");
  if (type == nullptr) return std::nullopt;
  const auto name = read_text(*type, diagnostics, "'type'");
  if (!name) return std::nullopt;
  const auto* def = table.find(*name);
  if (def == nullptr) {
    report(diagnostics, *type, "unknown " + std::string(kind) + " '" + *name + "'",
           "no such " + std::string(kind), suggestion(kind, *name, table.names()));
    return std::nullopt;
  }
  MapReader reader(map, diagnostics, std::string(kind) + " '" + *name + "'");
  reader.optional("type");
  const auto fields = reader.fields(def->fields);
  reader.finish();
  if (!fields) return std::nullopt;
  return ComponentConfig{*name, *fields, node.where()};
}

}  // namespace assay
