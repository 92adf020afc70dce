// Loading of plugins. A file is judged as a file first (plugin_file.h), then tried in a child process where
// it is new, and only then loaded here: RTLD_NOW | RTLD_LOCAL, never closed. What it registers goes into a
// registry of its own, which is merged into the program's whole or not at all.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/registry/registry.h"

namespace assay {

struct PluginOptions {
  /// How long a plugin's constructors and its load may take when it is tried.
  std::chrono::milliseconds limit{10000};
  /// Folder that remembers which files have been tried, by hash. Empty: each file is tried each time.
  std::filesystem::path memory{};
};

/// The options of the program: memory in the user's cache directory.
PluginOptions default_plugin_options();

/// Loads a plugin, unless a file of the same content has been. Returns its record. Throws Error, about the
/// file, and leaves the registry as it was, where it cannot be loaded.
PluginRecord load_plugin(Registry& registry, const std::filesystem::path& file,
                         const PluginOptions& options = default_plugin_options());

/// Under which owner a plugin's registrations stand in the registry: "plugin 'swish' 1.0
/// (/home/me/swish.so)".
std::string plugin_owner(const PluginRecord& plugin);

/// The file that `name` means: a path with a '/' or a '.', taken from `folder`; or a bare name, sought as
/// NAME.so in the folders of ASSAY_PLUGIN_PATH. Throws Error where there is none, saying where it was sought.
std::filesystem::path find_plugin(const std::string& name, const std::filesystem::path& folder);

/// What ASSAY_PLUGIN_PATH names (separated by ':'): files, and the plugins in folders, by name. Throws Error
/// for what is not there.
std::vector<std::filesystem::path> environment_plugins();

}  // namespace assay
