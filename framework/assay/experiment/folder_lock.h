// FolderLock: one process at a time in a run's folder, or a sweep's.
#pragma once

#include <filesystem>
#include <string_view>

namespace assay {

/// Holds the file `lock` in the folder. The kernel lets go of it when the process ends, however it ends: a
/// lock that a killed run left behind holds nobody up.
class FolderLock {
 public:
  /// `what` is the folder: "run folder". Throws Error naming the process that holds it.
  FolderLock(const std::filesystem::path& folder, std::string_view what);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace assay
