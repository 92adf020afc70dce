// A child process: another program, which does not outlive this one.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// How a process ended.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;  ///< that killed it, or 0
};

class ChildProcess {
 public:
  /// Where it writes, and what it sees.
  struct Surroundings {
    int output = -1, errors = -1;                         ///< descriptors; -1: nowhere
    std::optional<std::vector<std::string>> environment;  ///< "NAME=VALUE"; this process's where it is absent
  };

  /// Starts the file `words[0]` with the other words as its arguments, no shell between, in a process group
  /// of its own, so that Ctrl-C reaches only this process. The kernel kills it when the thread that started
  /// it ends. Exit code 127 where the file cannot be run. Throws Error where no process can be made.
  ChildProcess(const std::vector<std::string>& words, const Surroundings& surroundings);
  /// The same; both streams go to the file. Throws Error also where that cannot be written.
  ChildProcess(const std::vector<std::string>& words, const std::filesystem::path& output);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Kills a process that has not ended, with the group that it began.
  ~ChildProcess();

  /// How it ended, or nothing while it runs.
  std::optional<ProcessEnd> poll();
  void send(int signal) const;

 private:
  pid_t pid_ = 0;  // 0: has ended
};

}  // namespace assay
