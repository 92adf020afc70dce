// A folder among the temporary files that is there as long as its object.
#pragma once

#include <filesystem>
#include <string_view>

namespace assay {

class ScratchFolder {
 public:
  /// Its name begins with `name`; the rest of it is nobody else's. Throws Error where it cannot be made.
  explicit ScratchFolder(std::string_view name);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace assay
