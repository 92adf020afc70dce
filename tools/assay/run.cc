// assay run: trains the network of an experiment file and records the run.
#include "assay/experiment/run.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <filesystem>

#include "assay/command.h"
#include "assay/core/error.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

std::atomic<bool> stop_requested{false};

// The first signal lets the step finish and the record be written; a second one ends the process.
extern "C" void request_stop(int) {
  if (stop_requested.exchange(true)) std::_Exit(kInterrupted);
}

void report_fallbacks(const Program& program, Fallback policy, bool quiet) {
  if (quiet || policy != Fallback::report) return;
  std::map<std::string, std::map<std::string, int>> counts;  // by reason, then by op
  for (const Placement& row : program.placements()) {
    if (row.fallback) ++counts[row.refusals.front()][row.op];
  }
  for (const auto& [reason, ops] : counts) {
    std::vector<std::string> names;
    int total = 0;
    for (const auto& [op, count] : ops) {
      names.push_back(count == 1 ? op : fmt::format("{} × {}", op, count));
      total += count;
    }
    fmt::print(stderr, "note: {} {} on the reference backend, refused by {}: {}\n", total,
               total == 1 ? "op runs" : "ops run", reason, join(names));
  }
}

class Display final : public RunObserver {
 public:
  Display(Fallback policy, bool quiet, bool verbose)
      : policy_(policy), quiet_(quiet), verbose_(verbose), bar_(quiet) {}

  // Whether training has begun: what fails before is the configuration's fault, what fails after is the
  // run's.
  bool begun() const { return begun_; }

  void prepared(const Program& program) override { report_fallbacks(program, policy_, quiet_); }
  void begin_epoch(std::int64_t epoch, std::int64_t epochs, std::int64_t steps) override {
    begun_ = true;
    bar_.begin(fmt::format("epoch {}/{}", epoch + 1, epochs), steps);
    label_ = fmt::format("epoch {}/{}", epoch + 1, epochs);
  }
  void step(std::int64_t step, double loss) override {
    bar_.advance(step, fmt::format("loss {:.4g}", loss));
    if (verbose_ && !quiet_) bar_.finish(fmt::format("{} step {}  loss {}", label_, step, loss));
  }
  void end_epoch(std::int64_t, const std::map<std::string, double>& metrics) override {
    std::string line = label_;
    for (const auto& [name, value] : metrics) line += fmt::format("  {} {:.4f}", name, value);
    bar_.finish(line);
  }
  void message(const std::string& text) override { bar_.finish(text); }

 private:
  bool begun_ = false;
  Fallback policy_;
  bool quiet_;
  bool verbose_;
  ProgressBar bar_;
  std::string label_;
};

void print_results(const RunReport& report, bool several) {
  Table table(several ? std::vector<std::string>{"metric", "mean", "sd"}
                      : std::vector<std::string>{"metric", "value"});
  for (const auto& [name, statistic] : report.metrics) {
    if (several)
      table.add({name, fmt::format("{:.6g}", statistic.mean), fmt::format("{:.2g}", statistic.deviation)});
    else
      table.add({name, fmt::format("{:.6g}", statistic.mean)});
  }
  fmt::print("{}", table.render());
  for (const auto& [seed, training] : report.seeds) {
    for (const auto& [part, matrix] : training.confusion) {
      fmt::print("\n{} confusion matrix, seed {} (rows: true class, columns: predicted)\n", part, seed);
      for (std::int64_t r = 0; r < matrix.classes; ++r) {
        std::string line;
        for (std::int64_t c = 0; c < matrix.classes; ++c)
          line += fmt::format("{:6}", matrix.counts[static_cast<std::size_t>(r * matrix.classes + c)]);
        fmt::print("{}\n", line);
      }
    }
  }
}

// Whether every expectation was met.
bool print_verdicts(const RunReport& report) {
  bool all = true;
  for (const Verdict& verdict : report.verdicts) {
    std::string wanted;
    if (verdict.expectation.minimum) wanted += fmt::format(" >= {}", *verdict.expectation.minimum);
    if (verdict.expectation.maximum)
      wanted += fmt::format("{} <= {}", wanted.empty() ? "" : " and", *verdict.expectation.maximum);
    fmt::print("{} expected {}{}: {:.6g}\n", verdict.met ? "✓" : "✗", verdict.expectation.metric, wanted,
               verdict.value);
    all = all && verdict.met;
  }
  return all;
}

void dry_run(const Experiment& experiment, const Registry& registry) {
  for (const std::uint64_t seed : experiment.seeds) {
    const Problem problem(experiment, registry, seed);
    const Trainer trainer(problem);
    fmt::print(
        "seed {}: {} training rows, {} parameters, {} steps per epoch: everything fits; nothing was run\n",
        seed, problem.data().train.rows(), problem.model().parameter_count(),
        (problem.data().train.rows() + problem.training_batch() - 1) / problem.training_batch());
  }
}

// The experiment of a run folder, which is continued as it was begun.
Experiment load_recorded(const Arguments& arguments, Registry& registry) {
  const std::filesystem::path folder = arguments.text("resume");
  if (!arguments.positionals().empty())
    throw Error("--resume takes the experiment from the run folder")
        .help("leave out '" + arguments.positionals().front() + "'");
  for (const char* option : {"set", "backend", "seed", "run-dir", "dry-run"}) {
    if (arguments.has(option)) {
      throw Error(fmt::format("--{} does not go with --resume: a run is continued as it was begun", option))
          .help("to train on with other settings, start a new run with model.weights");
    }
  }
  if (!std::filesystem::exists(folder / "experiment.yaml"))
    throw Error(fmt::format("'{}' holds no run: it has no experiment.yaml", folder.string()))
        .help("name the folder that assay run printed as its results");
  return load_experiment(folder / "experiment.yaml", {}, registry);
}

int run(const Arguments& arguments) {
  Session session(arguments);
  const bool resumes = arguments.has("resume");
  if (!resumes && arguments.positionals().empty())
    throw Error("'FILE' is missing: the experiment").note("assay run --help shows its options");
  const Experiment experiment =
      resumes ? load_recorded(arguments, session.registry()) : load(arguments, session.registry());
  const bool quiet = arguments.has("quiet");
  if (arguments.has("dry-run")) {
    dry_run(experiment, session.registry());
    next_step("assay run " + arguments.positionals().front());
    return kOk;
  }
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  Display display(experiment.backend.fallback, quiet, arguments.has("verbose"));
  RunReport report;
  try {
    report = resumes ? resume_experiment(experiment, session.registry(), arguments.text("resume"), display,
                                         stop_requested)
                     : run_experiment(experiment, session.registry(), std::filesystem::current_path(),
                                      arguments.text("run-dir"), display, stop_requested);
  } catch (const Error& error) {
    if (!display.begun()) throw;
    fmt::print(stderr, "{}", error.what());
    return kRunFailed;
  }
  print_results(report, experiment.seeds.size() > 1);
  const bool met = print_verdicts(report);
  fmt::print(stderr, "results: {}\n", report.folder.string());
  if (report.status == TrainingResult::Status::interrupted) {
    next_step(fmt::format("assay run --resume {}", report.folder.string()));
    return kInterrupted;
  }
  if (report.status == TrainingResult::Status::diverged) {
    fmt::print(stderr, "error: training diverged\n{}", report.seeds.back().second.diagnosis);
    return kRunFailed;
  }
  const std::string file =
      resumes ? (report.folder / "experiment.yaml").string() : arguments.positionals().front();
  next_step(met ? fmt::format("assay explain {}", file)
                : fmt::format("assay run {} --set train.epochs={}", file, experiment.epochs * 2));
  return met ? kOk : kCheckFailed;
}

}  // namespace

Command run_command() {
  std::vector<Option> options = experiment_options();
  options.push_back({"run-dir", 'o', "DIR", "write the run here instead of runs/NAME/TIME-HASH"});
  options.push_back({"resume", 'r', "DIR", "go on with the run in this folder, from its newest checkpoint"});
  options.push_back({"dry-run", 'n', "", "check everything, run nothing"});
  options.push_back({"quiet", 'q', "", "no progress"});
  options.push_back({"verbose", 'v', "", "a line for every step"});
  return {"run",
          "train the network of an experiment file",
          {{"assay run experiments/seed/worked_example.yaml", "one step on the article's network"},
           {"assay run experiments/fashion_mnist/mlp.yaml --backend openmp",
            "the same network on another backend"},
           {"assay run experiments/fashion_mnist/mlp.yaml -s train.epochs=2 -s optimizer.learning_rate=0.01",
            "with other settings"},
           {"assay run --resume runs/fashion-mnist-mlp/20261125T120000Z-0a1b2c3d",
            "go on with an interrupted run"}},
          {{"FILE", "the experiment", false}},
          options,
          run};
}

}  // namespace assay::cli
