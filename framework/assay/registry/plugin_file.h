// A plugin as a file: what can be said of a shared object without running anything of it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace assay {

struct PluginFile {
  std::filesystem::path path;  ///< absolute
  std::string sha256;          ///< of the file, hexadecimal
  std::string stamp;           ///< see plugin_abi.h
};

/// Reads a file. Throws Error, about the file, for what is no shared object of this processor, is cut short,
/// or carries no plugin's stamp.
PluginFile read_plugin_file(const std::filesystem::path& path);

/// Whether the file carries a plugin's stamp; false for what cannot be read, too.
bool is_plugin_file(const std::filesystem::path& path) noexcept;

/// The stamp of this program.
std::string_view host_stamp() noexcept;

/// Throws Error with both stamps and the field that differs, unless they agree.
void require_same_stamp(std::string_view plugin, std::string_view host);

}  // namespace assay
