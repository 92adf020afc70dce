#include "assay/core/scratch_folder.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "assay/core/error.h"

namespace assay {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder(std::string_view name) {
  // mkdtemp() puts what is free in the place of the six letters.
  const fs::path parent = fs::temp_directory_path();
  std::string path = (parent / fmt::format("{}-{}", name, std::string(6, 'X'))).string();
  if (::mkdtemp(path.data()) == nullptr)
    throw Error(fmt::format("no folder can be made in '{}': {}", parent.string(), std::strerror(errno)));
  path_ = path;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace assay
