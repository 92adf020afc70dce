#include "assay/registry/plugin_memory.h"

#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "assay/core/version.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::set<std::string> shared_objects() {
  std::set<std::string> paths;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        if (info->dlpi_name != nullptr && info->dlpi_name[0] == '/')
          static_cast<std::set<std::string>*>(found)->insert(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

const std::set<std::string>& libraries_of_the_program() {
  static const std::set<std::string> libraries = shared_objects();
  return libraries;
}

// Size and time of the last change, which no copying of a file sets back; a library may have many megabytes,
// and is looked at by every command.
std::string identity_line(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return "gone " + path;
  return fmt::format("{} {}.{:09} {}", about.st_size, about.st_ctim.tv_sec, about.st_ctim.tv_nsec, path);
}

// Who tried it, and where the system's loader looked for libraries.
std::string tried_by() {
  const char* const library_path = std::getenv("LD_LIBRARY_PATH");
  return fmt::format("{} {} {}", version(), build_commit(), library_path == nullptr ? "" : library_path);
}

}  // namespace

void note_libraries_of_the_program() { libraries_of_the_program(); }

std::string libraries_beside(const PluginFile& plugin) {
  std::string lines;
  for (const std::string& path : shared_objects()) {
    if (path != plugin.path && !libraries_of_the_program().contains(path))
      lines += identity_line(path) + "\n";
  }
  return lines;
}

bool is_remembered(const PluginFile& plugin, const fs::path& folder) {
  if (folder.empty()) return false;
  std::ifstream in(folder / plugin.sha256);
  std::string line;
  if (!std::getline(in, line) || line != tried_by()) return false;
  while (std::getline(in, line)) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos || line != identity_line(line.substr(path))) return false;
  }
  return true;
}

void remember(const PluginFile& plugin, const std::string& libraries, const fs::path& folder) {
  if (folder.empty()) return;
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  std::ofstream(folder / plugin.sha256, std::ios::binary) << tried_by() << "\n" << libraries;
}

}  // namespace assay
