// The memory of trials: which plugins have come through theirs, by hash, in a folder of the user's cache. A
// trial holds for the assay that made it and for the libraries that came with the plugin; it is made again
// when one of them is another file than it was.
#pragma once

#include <filesystem>
#include <string>

#include "assay/registry/plugin_file.h"

namespace assay {

/// What is loaded now belongs to the program itself, the first time that this is called.
void note_libraries_of_the_program();

/// The shared objects that are in this process beside the program's own and the plugin: a line for each,
/// which changes with the file.
std::string libraries_beside(const PluginFile& plugin);

/// `folder` may be empty: then nothing is remembered.
bool is_remembered(const PluginFile& plugin, const std::filesystem::path& folder);
void remember(const PluginFile& plugin, const std::string& libraries, const std::filesystem::path& folder);

}  // namespace assay
