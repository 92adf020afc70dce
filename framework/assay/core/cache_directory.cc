#include "assay/core/cache_directory.h"

#include <cstdlib>

namespace assay {

std::filesystem::path cache_directory() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  std::filesystem::path cache = variable("XDG_CACHE_HOME");
  if (!cache.is_absolute()) {  // the specification: relative paths are ignored
    const std::filesystem::path home = variable("HOME");
    if (home.empty()) return {};
    cache = home / ".cache";
  }
  return cache / "assay";
}

}  // namespace assay
