// assay sweep: an experiment with many settings, each trial in a process of its own, and what came out, best
// first.
#include <fmt/format.h>

#include <atomic>
#include <csignal>

#include "assay/command.h"
#include "assay/experiment/folder_lock.h"
#include "assay/experiment/git_state.h"
#include "assay/experiment/overrides.h"
#include "assay/experiment/plugins.h"
#include "assay/experiment/run_record.h"
#include "assay/session.h"
#include "assay/sweep/run_trials.h"
#include "assay/sweep_results.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

using sweep::Standing;
using sweep::SweepFile;
using sweep::Trial;

std::atomic<int> sweep_stop_requests{0};

extern "C" void count_stop_request(int) { ++sweep_stop_requests; }

void print_plan(const std::vector<Trial>& trials, const std::vector<Standing>& standings, bool retry) {
  Table table({"trial", "", "why", "settings"});
  for (std::size_t i = 0; i < trials.size(); ++i) {
    table.add({trials[i].id, will_run(standings[i], retry) ? "runs" : "skipped", standings[i].reason,
               label_of(trials[i].assignment)});
  }
  fmt::print("{}", table.render());
}

// What the trial was when it ended: "done in 1.2 s: validation/accuracy 0.93 ± 0.01".
std::string outcome(const SweepFile& file, const Standing& standing, double seconds) {
  if (standing.state != Standing::State::done) {
    const std::string before = "failed before: ";
    return standing.reason.starts_with(before) ? "failed: " + standing.reason.substr(before.size())
                                               : std::string("stopped");
  }
  std::string text = fmt::format("done in {:.1f} s", seconds);
  const auto found = standing.run.metrics.find(file.objective.metric.text());
  if (found == standing.run.metrics.end()) return text;
  text += fmt::format(": {} {:.6g}", found->first, found->second.mean);
  if (standing.run.seeds > 1) text += fmt::format(" ± {:.2g}", found->second.deviation);
  return text;
}

std::size_t count(const std::vector<Standing>& standings, Standing::State state) {
  return static_cast<std::size_t>(std::ranges::count(standings, state, &Standing::state));
}

int run_sweep(const Arguments& arguments) {
  Session session(arguments);
  const std::string& path = arguments.positionals().front();
  if (arguments.has("fail-fast") && arguments.has("keep-going"))
    throw Error("options '--fail-fast' and '--keep-going' exclude each other");
  const SweepFile file = sweep::load_sweep(path);
  load_plugins(load_extended(file.experiment), session.registry());
  const std::vector<Trial> trials = make_trials(file, session.registry());
  if (trials.empty()) throw NothingSelected(fmt::format("'exclude' leaves no trial of '{}'", path));
  check_first(file, trials, session.registry());
  const std::filesystem::path chosen = arguments.text("run-dir");
  const sweep::SweepFolder folder(chosen.empty() ? std::filesystem::path("runs") / file.name : chosen);
  sweep::DataIdentities data(file, session.registry());
  std::vector<Standing> standings = sweep::standings(folder, trials, data);
  const bool retry = arguments.has("retry-failed"), quiet = arguments.has("quiet");
  if (arguments.has("dry-run")) {
    print_plan(trials, standings, retry);
    next_step("assay sweep " + path);
    return kOk;
  }

  folder.create();
  const FolderLock lock(folder.path(), "sweep's folder");
  standings = sweep::standings(folder, trials, data);  // another sweep may have ended meanwhile
  sweep::RunTrialsOptions options;
  options.program = {std::filesystem::read_symlink("/proc/self/exe").string()};
  for (const std::string& plugin : arguments.all("plugin"))
    options.more.insert(options.more.end(), {"--plugin", plugin});
  options.jobs = static_cast<int>(arguments.integer("jobs", 1, 1024).value_or(file.jobs));
  options.fail_fast = arguments.has("fail-fast");
  options.retry_failed = retry;
  const auto to_run = static_cast<std::size_t>(
      std::ranges::count_if(standings, [&](const Standing& standing) { return will_run(standing, retry); }));
  std::size_t ended = 0;
  if (!quiet) {
    const std::size_t failed = count(standings, Standing::State::failed);
    fmt::print(stderr, "{} trials: {} done, {} to run{}\n", trials.size(),
               count(standings, Standing::State::done), to_run,
               failed == 0 || retry
                   ? std::string()
                   : fmt::format(", {} failed before (--retry-failed runs them again)", failed));
  }
  const auto threads = trials.front().flat.find("backend.threads");
  const bool all_processors = threads == trials.front().flat.end() || threads->second == "auto";
  if (!quiet && options.jobs > 1 && all_processors && to_run > 1) {
    fmt::print(stderr,
               "note: {} trials at a time, each on every processor; execution: {{threads_per_job: 1}} keeps "
               "them out of each other's way\n",
               options.jobs);
  }
  sweep::TrialObserver observer;
  if (!quiet) {
    observer.started = [&](std::size_t i) {
      fmt::print(stderr, "{} starts ({}): {}\n", trials[i].id, standings[i].reason,
                 label_of(trials[i].assignment));
    };
    observer.ended = [&](std::size_t i, double seconds) {
      fmt::print(stderr, "[{}/{}] {} {}\n", ++ended, to_run, trials[i].id,
                 outcome(file, standings[i], seconds));
    };
  }
  // The trials' own records are below this folder, which may lie outside of the repository.
  write_git_state(folder.path(), git_state(std::filesystem::path(path).parent_path()));
  sweep_stop_requests = 0;
  std::signal(SIGINT, count_stop_request);
  std::signal(SIGTERM, count_stop_request);
  run_trials(folder, trials, standings, options, observer, sweep_stop_requests);

  const std::string csv = results_as_csv(file, trials, standings),
                    json = results_as_json(file, trials, standings);
  write_text(folder.path() / "results.csv", csv);
  write_text(folder.path() / "results.json", json);
  const std::string format = arguments.text("format", "text");
  fmt::print("{}", format == "csv"    ? csv
                   : format == "json" ? json
                                      : results_as_text(file, trials, standings));
  fmt::print(stderr, "results: {}\n", folder.path().string());
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (standings[i].state == Standing::State::failed)
      fmt::print(stderr, "{} {}; see {}\n", trials[i].id, standings[i].reason,
                 folder.log_of(trials[i].id).string());
  }
  if (sweep_stop_requests > 0) {
    next_step("assay sweep " + path);
    return kInterrupted;
  }
  if (count(standings, Standing::State::failed) > 0) {
    next_step(fmt::format("assay sweep {} --retry-failed", path));
    return kRunFailed;
  }
  const std::vector<std::size_t> order = best_first(file, standings);
  next_step(order.size() < 2 ? "assay list runs"
                             : fmt::format("assay diff {} {}", folder.run_of(trials[order[1]].id).string(),
                                           folder.run_of(trials[order[0]].id).string()));
  return kOk;
}

}  // namespace

Command sweep_command() {
  return {"sweep",
          "run an experiment with many settings, and compare what came out",
          {{"assay sweep experiments/sweeps/spirals_width_by_rate.yaml",
            "every trial that has no result yet; then the table, best first"},
           {"assay sweep SWEEP.yaml --dry-run", "which trials will run, and why"},
           {"assay sweep SWEEP.yaml --jobs 4 --format csv > results.csv", "four at a time"}},
          {{"FILE", "the sweep: an experiment, an objective, and the parameters that vary"}},
          {{"jobs", 'j', "N", "trials at a time, whatever the file says"},
           {"keep-going", 'k', "", "go on after a trial that failed (the default)"},
           {"fail-fast", 'x', "", "stop after a trial that failed"},
           {"retry-failed", 0, "", "run those again that failed before"},
           {"dry-run", 'n', "", "say which trials will run and why, run nothing"},
           {"run-dir", 'o', "DIR", "the sweep's folder, instead of runs/NAME"},
           {"format", 0, "FORMAT", "how to print the results", {"text", "csv", "json"}},
           {"quiet", 'q', "", "no progress"},
           {"plugin", 0, "PATH", "load a plugin before reading the file", {}, true}},
          run_sweep};
}

}  // namespace assay::cli
