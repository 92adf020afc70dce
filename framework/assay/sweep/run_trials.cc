#include "assay/sweep/run_trials.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "assay/core/child_process.h"

namespace assay::sweep {
namespace {

using namespace std::chrono_literals;
using TrialClock = std::chrono::steady_clock;

// Against trials of seconds and more, a look every so often costs nothing.
constexpr auto kPoll = 10ms;
constexpr int kInterruptedExit = 130;
constexpr int kExpectationFailed = 1;

struct RunningTrial {
  std::size_t index;
  ChildProcess process;
  TrialClock::time_point started;
};

// The first error that the trial printed, or nothing.
std::string error_in(const std::filesystem::path& log) {
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("error: ")) return line.substr(7);
  }
  return "";
}

class TrialRunner {
 public:
  TrialRunner(const SweepFolder& folder, const std::vector<Trial>& trials, std::vector<Standing>& standings,
              const RunTrialsOptions& options, const TrialObserver& observer)
      : folder_(folder), trials_(trials), standings_(standings), options_(options), observer_(observer) {}

  void run(const std::atomic<int>& stop) {
    std::size_t next = 0;
    int told = 0;
    while (true) {
      const int requests = std::max(stop.load(), failed_ && options_.fail_fast ? 1 : 0);
      for (; requests == 0 && running_.size() < static_cast<std::size_t>(options_.jobs) &&
             next < trials_.size();
           ++next) {
        if (will_run(standings_[next], options_.retry_failed)) start(next);
      }
      if (running_.empty() && (requests > 0 || next == trials_.size())) return;
      for (; told < requests; ++told) {
        for (const RunningTrial& trial : running_) trial.process.send(told == 0 ? SIGTERM : SIGKILL);
      }
      collect(requests > 0);
      std::this_thread::sleep_for(kPoll);
    }
  }

 private:
  void start(std::size_t index) {
    const Trial& trial = trials_[index];
    const bool resumes = !standings_[index].stale && folder_.can_resume(trial.id);
    if (!resumes) folder_.prepare(trial);
    observer_.started(index);
    const std::string run = folder_.run_of(trial.id).string();
    std::vector<std::string> words = options_.program;
    const std::vector<std::string> how =
        resumes ? std::vector<std::string>{"run", "--resume", run, "--quiet"}
                : std::vector<std::string>{"run", folder_.configuration_of(trial.id).string(), "--run-dir",
                                           run, "--quiet"};
    words.insert(words.end(), how.begin(), how.end());
    words.insert(words.end(), options_.more.begin(), options_.more.end());
    running_.push_back({index, ChildProcess(words, folder_.log_of(trial.id)), TrialClock::now()});
  }

  void collect(bool stopping) {
    for (auto trial = running_.begin(); trial != running_.end();) {
      const auto end = trial->process.poll();
      if (!end) {
        ++trial;
        continue;
      }
      record(trial->index, *end, stopping);
      observer_.ended(trial->index,
                      std::chrono::duration<double>(TrialClock::now() - trial->started).count());
      trial = running_.erase(trial);
    }
  }

  // An expectation that was not met is a result; what was asked to stop has not failed.
  void record(std::size_t index, const ProcessEnd& end, bool stopping) {
    const std::string& id = trials_[index].id;
    const bool ran = end.signal == 0 && (end.exit_code == 0 || end.exit_code == kExpectationFailed);
    const bool stopped = stopping && (end.signal != 0 || end.exit_code == kInterruptedExit);
    if (!ran && !stopped) {
      const std::string error = error_in(folder_.log_of(id));
      folder_.record_failure(
          id, end.signal != 0 ? fmt::format("killed by signal {} ({})", end.signal, ::strsignal(end.signal))
              : error.empty() ? fmt::format("exit code {}", end.exit_code)
                              : error);
    }
    standings_[index] = standing_of(folder_, id);
    failed_ = failed_ || standings_[index].state == Standing::State::failed;
  }

  const SweepFolder& folder_;
  const std::vector<Trial>& trials_;
  std::vector<Standing>& standings_;
  const RunTrialsOptions& options_;
  const TrialObserver& observer_;
  std::vector<RunningTrial> running_;
  bool failed_ = false;
};

}  // namespace

bool will_run(const Standing& standing, bool retry_failed) {
  return standing.state == Standing::State::waiting ||
         (standing.state == Standing::State::failed && retry_failed);
}

void run_trials(const SweepFolder& folder, const std::vector<Trial>& trials, std::vector<Standing>& standings,
                const RunTrialsOptions& options, const TrialObserver& observer,
                const std::atomic<int>& stop) {
  TrialRunner(folder, trials, standings, options, observer).run(stop);
}

}  // namespace assay::sweep
