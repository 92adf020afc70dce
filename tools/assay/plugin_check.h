// assay plugin check: everything about one plugin file, each step in a child process.
#pragma once

#include <chrono>
#include <string>

#include "assay/verify/conformance.h"

namespace assay::cli {

struct PluginCheckOptions {
  std::chrono::seconds load_limit{10};   ///< for its constructors, and for its load
  std::chrono::seconds step_limit{600};  ///< of the verification, from one op or model to the next
  verify::Tier tier = verify::Tier::standard;
};

/// Prints the plugin's stamp, what it registers, and the verification of that: its ops and kernels over their
/// cases and, above the tier smoke, over the whole range of those that are functions of a number, its
/// backends on every op, its layers, losses and optimizers in random models, its data sources loaded. Where
/// the verification crashes, hangs or ends the program, each op is verified by itself, to name those that do.
/// False where a check fails or one of that happens. Throws Error where it cannot be loaded.
bool check_plugin(const std::string& file, const PluginCheckOptions& options);

}  // namespace assay::cli
