// Runs the trials that wait, each in a process of its own, so that a trial that crashes or is killed leaves
// the sweep standing.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "assay/sweep/plan.h"

namespace assay::sweep {

struct RunTrialsOptions {
  std::vector<std::string> program;  ///< the words before `run FILE`: this program
  std::vector<std::string> more;     ///< the words behind it
  int jobs = 1;
  bool fail_fast = false;     ///< start no further trial after one that failed, and stop those that run
  bool retry_failed = false;  ///< run those that failed before
};

/// What is told while trials run, on the caller's thread.
struct TrialObserver {
  std::function<void(std::size_t trial)> started = [](std::size_t) {};
  std::function<void(std::size_t trial, double seconds)> ended = [](std::size_t, double) {};
};

/// Whether the trial is to run.
bool will_run(const Standing& standing, bool retry_failed);

/// Runs the trials and brings `standings` up to date. `stop` counts requests: after the first, running trials
/// are asked to end, after the second they are killed.
void run_trials(const SweepFolder& folder, const std::vector<Trial>& trials, std::vector<Standing>& standings,
                const RunTrialsOptions& options, const TrialObserver& observer, const std::atomic<int>& stop);

}  // namespace assay::sweep
