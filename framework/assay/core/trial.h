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

/// How the copy ends when its task is done.
enum class TrialEnding : std::uint8_t {
  at_once,  ///< and nothing more of it runs
  by_exit   ///< as a program does: what the task leaves to exit handlers and destructors is tried, too
};

/// Runs `task` in a copy of this process, which ends with this one, whose standard input is empty and whose
/// standard output goes to standard error. `limit` is how long each phase may take, and what comes before the
/// first. Throws Error where no process can be made. To be called while no other thread holds a lock
/// that the task needs, or, by_exit, that a destructor needs.
TrialResult try_in_child(const std::function<std::string(const NamePhase&)>& task,
                         std::chrono::milliseconds limit, TrialEnding ending = TrialEnding::at_once);

}  // namespace assay
