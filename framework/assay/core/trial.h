// A trial: something that may crash, hang or end the process, done in a child process with a time limit.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace assay {

struct TrialResult {
  enum class End : std::uint8_t {
    finished,  ///< and `message` is what the task returned
    threw,     ///< and `message` is what the exception said
    crashed,   ///< `message`: "signal 11, Segmentation fault"
    exited,    ///< `message`: "exit code 0"
    hung       ///< `message`: "more than 10 s"
  };
  End end = End::finished;
  std::string message;
  std::string phase;  ///< the last one that the task named before it ended
};

/// What a task is given: names the phase that begins, for the case that it is the last.
using NamePhase = std::function<void(const std::string&)>;

/// Runs `task` in a copy of this process, whose standard input is empty and whose standard output goes to
/// standard error. Throws Error where no process can be made. To be called while no other thread holds a lock
/// that the task needs.
TrialResult try_in_child(const std::function<std::string(const NamePhase&)>& task,
                         std::chrono::milliseconds limit);

}  // namespace assay
