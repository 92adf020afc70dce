// A tree as readable YAML that parses to the same tree: how a run's resolved configuration is written.
#pragma once

#include <string>

#include "assay/experiment/config_tree.h"

namespace assay {

/// Block style; lists and maps of scalars that fit a line stand in flow style. Numbers keep their text; text
/// that would read as something else is quoted.
std::string emit_yaml(const ConfigNode& node);

}  // namespace assay
