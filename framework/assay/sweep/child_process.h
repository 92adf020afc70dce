// A child process whose output goes to a file, and which does not outlive this one.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay::sweep {

/// How a process ended.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;  ///< that killed it, or 0
};

class ChildProcess {
 public:
  /// Starts `words[0]` with the other words as its arguments, in a process group of its own, so that Ctrl-C
  /// reaches only this process. The kernel kills it when the thread that started it ends. Throws Error where
  /// it cannot be started.
  ChildProcess(const std::vector<std::string>& words, const std::filesystem::path& output);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Kills a process that has not ended.
  ~ChildProcess();

  /// How it ended, or nothing while it runs.
  std::optional<ProcessEnd> poll();
  void send(int signal) const;

 private:
  pid_t pid_ = 0;  // 0: has ended
};

}  // namespace assay::sweep
