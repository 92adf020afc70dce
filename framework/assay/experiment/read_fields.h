// Reading typed values out of a ConfigNode. Every finding goes to Diagnostics with its place, and reading
// goes on, so that all errors of a file are reported at once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/diagnostics.h"
#include "assay/experiment/config_tree.h"
#include "assay/graph/fields.h"

namespace assay {

/// Adds an error at a node.
void report(Diagnostics& diagnostics, const ConfigNode& node, std::string message, std::string label = {},
            std::string help = {});

// nullopt means that a diagnostic was added. `what` names the value in messages: "'seed'".
std::optional<bool> read_boolean(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what);
std::optional<std::int64_t> read_integer(const ConfigNode& node, Diagnostics& diagnostics,
                                         std::string_view what, std::int64_t minimum, std::int64_t maximum);
std::optional<double> read_number(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what,
                                  double minimum = -1e308, double maximum = 1e308);
std::optional<std::string> read_text(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what);

/// A name that a folder can have, of `owner`: "an experiment".
std::optional<std::string> read_folder_name(const ConfigNode& node, Diagnostics& diagnostics,
                                            std::string_view owner);
std::optional<std::vector<std::int64_t>> read_integers(const ConfigNode& node, Diagnostics& diagnostics,
                                                       std::string_view what, std::int64_t minimum,
                                                       std::int64_t maximum);
std::optional<std::vector<std::string>> read_texts(const ConfigNode& node, Diagnostics& diagnostics,
                                                   std::string_view what);
/// Nested lists of equal lengths; a number alone is a scalar.
std::optional<Array> read_array(const ConfigNode& node, Diagnostics& diagnostics, std::string_view what);

/// A value as the field's definition wants it.
std::optional<FieldValue> read_field(const ConfigNode& node, const FieldDef& field, Diagnostics& diagnostics);

/// `relu` is short for {type: relu}: the map that a name stands for, in the name's place; any other node as
/// it is.
ConfigNode in_full(const ConfigNode& node);

/// Reads one map strictly: what is asked for is known, the rest is reported by finish().
class MapReader {
 public:
  /// `subject` names the map in messages: "optimizer 'sgd'", "the experiment". Reports a node that is no map.
  MapReader(const ConfigNode& node, Diagnostics& diagnostics, std::string subject);

  bool valid() const { return node_.is_map(); }
  const ConfigNode& node() const { return node_; }
  Diagnostics& diagnostics() const { return diagnostics_; }
  /// The value of a key that may be missing, or null.
  const ConfigNode* optional(std::string_view key);
  /// The value of a key that must be there, or null after reporting that it is not.
  const ConfigNode* required(std::string_view key);
  /// Reads every field; absent ones take their defaults. nullopt after an error.
  std::optional<Fields> fields(std::span<const FieldDef> defs);
  /// Reports every key that was not asked for, with the nearest that was.
  void finish();

 private:
  const ConfigNode& node_;
  Diagnostics& diagnostics_;
  std::string subject_;
  std::vector<std::string> known_;
};

}  // namespace assay
