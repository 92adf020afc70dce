// assay plugin check: everything about one plugin file, each step in a child process.
#pragma once

#include <chrono>
#include <string>

#include "assay/verify/conformance.h"

namespace assay::cli {

struct PluginCheckOptions {
  std::chrono::seconds limit{10};  ///< for its constructors and its load
  verify::Tier tier = verify::Tier::standard;
};

/// Prints the plugin's stamp, what it registers, and the verification of that: its ops and kernels over their
/// cases, its backends on every op, its layers, losses and optimizers in random models, its data sources
/// loaded. False where a check fails or it crashes. Throws Error where it cannot be loaded.
bool check_plugin(const std::string& file, const PluginCheckOptions& options);

}  // namespace assay::cli
