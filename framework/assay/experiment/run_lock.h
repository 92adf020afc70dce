// RunLock: one process at a time in a run folder.
#pragma once

#include <filesystem>

namespace assay {

/// Holds the file `lock` in the folder. The kernel lets go of it when the process ends, however it ends: a
/// lock that a killed run left behind holds nobody up.
class RunLock {
 public:
  /// Throws Error naming the process that holds the folder.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace assay
