// Changes to a tree before it is read: `--set a.b=VALUE`, and `extends:`.
#pragma once

#include <filesystem>
#include <string_view>

#include "assay/experiment/config_tree.h"

namespace assay {

/// Applies "model.layers[conv1].filters=64". VALUE is a YAML scalar or flow value; an element of a list is
/// chosen by its `name` or by its index. Maps that are missing on the way are made. Throws Error, placed in
/// the text of the override, where the path does not lead anywhere (with the nearest name).
void apply_override(ConfigNode& root, std::string_view assignment);

/// The same for a path and a value that were read from a file, in which errors are placed.
void apply_override(ConfigNode& root, const ConfigNode& path, const ConfigNode& value);

/// `base` changed by `derived`: maps merge, lists and scalars replace, and a map whose `type` differs
/// replaces the whole.
ConfigNode merged(const ConfigNode& base, const ConfigNode& derived);

/// Reads a file and the files it extends (`extends: base.yaml` or a list, later ones win, the file itself
/// last), and removes the key. Throws Error for a missing base and for a cycle (showing the chain).
ConfigNode load_extended(const std::filesystem::path& path);

}  // namespace assay
