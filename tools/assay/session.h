// What every command starts from: a registry with the built-ins, and the plugins that ASSAY_PLUGIN_PATH and
// the command line name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "assay/command.h"
#include "assay/experiment/experiment.h"
#include "assay/graph/fields.h"
#include "assay/registry/registry.h"

namespace assay::cli {

class Session {
 public:
  /// Throws Error for a plugin that cannot be loaded.
  explicit Session(const Arguments& arguments);
  Registry& registry() { return registry_; }

 private:
  Registry registry_;
};

/// What --set and --seed change.
ExperimentChanges changes_of(const Arguments& arguments);

/// The experiment named first on the command line, with the changes that its options ask for; its plugins go
/// into the registry.
Experiment load(const Arguments& arguments, Registry& registry);

/// Before any work: a file to write stands in a folder that is there, and is no folder itself. Throws Error.
void require_writable_place(const std::filesystem::path& file);

/// The last line of a command, on stderr: "next: assay run FILE".
void next_step(std::string_view command);

/// "integer", "number or [height, width]", ...
std::string_view kind_name(FieldKind kind);

}  // namespace assay::cli
