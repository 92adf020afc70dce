// A folder that disappears with the test, and the bytes of a file.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "assay/core/scratch_folder.h"

namespace assay::test {

class TemporaryDirectory {
 public:
  std::filesystem::path operator/(std::string_view name) const { return path() / name; }
  const std::filesystem::path& path() const { return folder_.path(); }

  /// Writes a file of these bytes and returns its path.
  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    std::ofstream(path() / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path() / name;
  }

 private:
  ScratchFolder folder_{"assay-test"};
};

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace assay::test
