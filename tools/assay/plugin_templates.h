// New plugins: an example of the kind, which the tests build, with another name in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace assay::cli {

/// "activation", "backend", ...
std::vector<std::string> plugin_kinds();

/// Writes the files of a new plugin into `folder` and returns their paths. Throws Error, and writes nothing,
/// where the name is none for a plugin or the folder holds anything.
std::vector<std::filesystem::path> write_plugin(const std::string& name, const std::string& kind,
                                                const std::filesystem::path& folder);

}  // namespace assay::cli
