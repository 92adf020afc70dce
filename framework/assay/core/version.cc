#include "assay/core/version.h"

#include <dlfcn.h>

namespace assay {

std::string_view version() noexcept { return ASSAY_VERSION; }
std::string_view build_description() noexcept { return ASSAY_BUILD; }

std::string_view build_commit() noexcept { return ASSAY_COMMIT; }

std::filesystem::path library_file() {
  Dl_info info{};
  const bool found = ::dladdr(reinterpret_cast<const void*>(&library_file), &info) != 0;
  return found && info.dli_fname != nullptr ? info.dli_fname : "/proc/self/exe";
}

}  // namespace assay
