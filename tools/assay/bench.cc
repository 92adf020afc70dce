// assay bench: how long training steps take, on which backend and with how many threads.
#include "assay/bench/bench.h"

#include <fmt/format.h>

#include <charconv>

#include "assay/allocation_count.h"
#include "assay/bench/record.h"
#include "assay/bench_tables.h"
#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

constexpr int kMostThreads = 1024;

// Empty: as the experiments say.
std::vector<int> thread_counts(const Arguments& arguments) {
  std::vector<int> counts;
  if (!arguments.has("threads")) return counts;
  const std::string text = arguments.text("threads");
  for (const std::string& word : listed(text)) {
    int count = 0;
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), count);
    if (failure != std::errc() || end != word.data() + word.size() || count < 1 || count > kMostThreads)
      throw Error(fmt::format("option '--threads' wants integers in [1, {}], such as 1,2, not '{}'",
                              kMostThreads, word));
    counts.push_back(count);
  }
  if (counts.empty())
    throw Error(fmt::format("option '--threads' wants integers such as 1,2, not '{}'", text));
  return counts;
}

// Every file with every backend and every number of threads.
std::vector<Experiment> experiments_of(const Arguments& arguments, Registry& registry) {
  const std::vector<int> counts = thread_counts(arguments);
  std::vector<std::optional<std::string>> backends;
  for (const std::string& name : listed(arguments.text("backend"))) backends.emplace_back(name);
  if (arguments.has("backend") && backends.empty())
    throw Error("option '--backend' wants names such as onednn,openmp");
  if (backends.empty()) backends.emplace_back();
  std::vector<Experiment> experiments;
  for (const std::string& file : arguments.positionals()) {
    for (const std::optional<std::string>& backend : backends) {
      ExperimentChanges changes = changes_of(arguments);
      changes.backend = backend;
      Experiment experiment = load_experiment(file, changes, registry);
      if (counts.empty()) experiments.push_back(experiment);
      for (const int threads : counts) {
        experiment.backend.threads = threads;
        experiments.push_back(experiment);
      }
    }
  }
  return experiments;
}

int run_bench(const Arguments& arguments) {
  Session session(arguments);
  const std::vector<Experiment> experiments = experiments_of(arguments, session.registry());
  std::vector<bench::Measurement> base;
  if (arguments.has("compare")) base = bench::read_report(arguments.text("compare"));

  bench::Options options;
  options.rounds = arguments.integer("rounds", 1, 100000).value_or(options.rounds);
  options.profile = arguments.has("profile");
  const AllocationCount count;
  if (can_count_allocations()) options.allocations = [&] { return count.value(); };
  ProgressBar bar(arguments.has("quiet") || !is_terminal(stderr));
  options.progress = [&, begun = false](const std::string& what, std::int64_t done,
                                        std::int64_t total) mutable {
    if (!begun) bar.begin("bench", total);
    begun = true;
    bar.advance(done, what);
  };
  const std::vector<bench::Measurement> measurements =
      bench::measure(experiments, session.registry(), options);
  bar.finish("");

  const std::string& file = arguments.positionals().front();
  if (arguments.text("format", "text") == "json") {
    if (arguments.has("compare")) fmt::print(stderr, "{}", comparison_table(measurements, base));
    fmt::print("{}", bench::to_report(measurements));
    next_step(fmt::format("assay bench {} --compare BASE.json", file));
    return kOk;
  }
  fmt::print("{}", bench_tables(measurements));
  for (const bench::Measurement& m : measurements) {
    if (!m.profile.empty()) fmt::print("\n{}", profile_table(m));
  }
  if (arguments.has("compare")) fmt::print("\n{}", comparison_table(measurements, base));
  next_step(options.profile ? fmt::format("assay bench {} --format json > base.json", file)
                            : fmt::format("assay bench {} --profile", file));
  return kOk;
}

}  // namespace

Command bench_command() {
  std::vector<Option> options = experiment_options();
  for (Option& option : options) {
    if (option.name == "backend")
      option = {"backend", 0, "LIST", "backends to measure, whatever the files say: onednn,openmp"};
  }
  options.push_back({"threads", 0, "LIST", "numbers of threads to measure with: 1,2"});
  options.push_back({"rounds", 0, "N", "how often each is timed, in turn (default: 15)"});
  options.push_back({"profile", 0, "", "where the time goes, op by op"});
  options.push_back(
      {"compare", 0, "BASE.json", "say what differs from an earlier report by more than noise"});
  options.push_back({"format", 0, "FORMAT", "how to print", {"text", "json"}});
  options.push_back({"quiet", 'q', "", "no progress"});
  return {
      "bench",
      "time training steps: rate, memory, where the time goes",
      {{"assay bench experiments/bench/c64_mlp_784_512_512_10.yaml --backend onednn,openmp --threads 1,2",
        "four of them, in turns, with their ratios"},
       {"assay bench experiments/bench/*.yaml --format json > base.json", "all workloads, to compare with"},
       {"assay bench experiments/bench/*.yaml --compare base.json", "after a change"}},
      {{"FILE", "the experiment", true, true}},
      options,
      run_bench};
}

}  // namespace assay::cli
