// The `plugins:` of an experiment: files by path, or by name and found through ASSAY_PLUGIN_PATH; and what a
// resolved experiment keeps of them, so that a run says which plugin it lacks.
//   plugins: [./build/swish.so, lion]
//   plugins: [{path: /home/me/swish.so, name: swish, version: "1.0", sha256: 5e88…}]
#pragma once

#include "assay/experiment/config_tree.h"
#include "assay/registry/registry.h"

namespace assay {

/// Loads what the key `plugins` of an experiment's tree names. Throws Error with every one that cannot be
/// loaded, or is not the one that is recorded.
void load_plugins(const ConfigNode& root, Registry& registry);

/// What the key `plugins` of a resolved experiment says: every plugin of the registry, for each may have a
/// part in the result.
ConfigNode plugins_node(const Registry& registry);

}  // namespace assay
