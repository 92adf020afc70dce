// assay's training step beside ones written by hand and beside libtorch's, in turns, on the workloads of
// experiments/bench:
//   speed [--threads 1,2] [--rounds N] [--backend LIST] [--set KEY=VALUE] [--processor-time] FILE...
// prints the ratio of their times with the interval that covers its median with 95 %. Processor time is for
// one thread on a machine that others use: what they take of the processor is not counted, what they take of
// its caches is.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "assay/bench/rounds.h"
#include "assay/bench/statistics.h"
#include "assay/bench/subject.h"
#include "assay/bench/worker.h"
#include "assay/core/error.h"
#include "speed/by_hand.h"
#include "speed/clock.h"
#include "speed/command_line.h"

namespace assay::speed {
namespace {

using bench::Contestant;
using bench::Worker;
constexpr double kTurnSeconds = 0.05;
constexpr double kCoverage = 0.95;
constexpr int kComparedSteps = 5;  // after which the losses are compared

constexpr const char* kUsage =
    "usage: speed [--threads 1,2] [--rounds N] [--backend LIST] [--set KEY=VALUE] [--processor-time] "
    "experiments/bench/FILE...";

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> backends;  // empty: the file's
  std::vector<std::string> overrides;
  std::vector<int> threads{1, 2};
  std::int64_t rounds = 21;
  clockid_t clock = CLOCK_MONOTONIC;
};

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] {
      if (++i == argc) throw Error("'" + word + "' wants a value");
      return std::string(argv[i]);
    };
    if (word == "--threads") {
      options.threads.clear();
      for (const std::string& count : listed(value())) options.threads.push_back(count_of<int>(word, count));
    } else if (word == "--rounds") {
      options.rounds = count_of<std::int64_t>(word, value());
    } else if (word == "--processor-time") {
      options.clock = CLOCK_PROCESS_CPUTIME_ID;
    } else if (word == "--backend") {
      options.backends = listed(value());
    } else if (word == "--set") {
      options.overrides.push_back(value());
    } else if (word.starts_with("-")) {
      throw Error("unknown option '" + word + "'; " + kUsage);
    } else {
      options.files.push_back(word);
    }
  }
  if (options.files.empty()) throw Error(std::string("no experiment is named; ") + kUsage);
  return options;
}

using Write = std::function<std::vector<Variant>(const Problem&, const StateStore&)>;

std::vector<Variant> torch_variants(const Problem& problem, const StateStore& states) {
  std::optional<Variant> variant = libtorch(problem, states);
  return variant ? std::vector{*variant} : std::vector<Variant>{};
}

// A step written elsewhere with all that it refers to.
struct Opponent {
  Opponent(const Experiment& experiment, const Registry& registry, const Write& write, std::size_t variant)
      : experiment(experiment), problem(this->experiment, registry, experiment.seeds.front()) {
    problem.initialize(states);
    program = write(problem, states)[variant].make();
  }
  Experiment experiment;
  Problem problem;
  StateStore states;
  std::unique_ptr<HandWritten> program;
};

// The most memory that this process has held, in bytes.
double peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

// "loss N" runs N steps and answers the loss of the last, "turn N" answers seconds per step, "peak" bytes.
template <class Run, class Loss>
Worker::Answer answer(clockid_t clock, Run run, Loss loss) {
  return [=](const std::string& request) {
    if (request == "peak") return fmt::format("{}", peak_bytes());
    const std::int64_t steps = std::stoll(request.substr(request.find(' ') + 1));
    if (request.starts_with("loss")) {
      run(steps);
      return fmt::format("{}", loss());
    }
    run(1);
    const double start = now(clock);
    run(steps);
    return fmt::format("{}", (now(clock) - start) / static_cast<double>(steps));
  };
}

// Both have run one step when they answer first.
Worker::Answer assays(const Experiment& experiment, const Registry& registry, clockid_t clock) {
  const auto subject = std::make_shared<bench::Subject>(experiment, registry);
  return answer(
      clock, [subject](std::int64_t steps) { subject->run(steps); }, [subject] { return subject->loss(); });
}

Worker::Answer opponents(const Experiment& experiment, const Registry& registry, const Write& write,
                         std::size_t variant, clockid_t clock) {
  const auto opponent = std::make_shared<Opponent>(experiment, registry, write, variant);
  HandWritten& program = *opponent->program;
  program.step();
  return answer(
      clock,
      [opponent, &program](std::int64_t steps) {
        for (std::int64_t i = 0; i < steps; ++i) program.step();
      },
      [opponent, &program] { return program.loss(); });
}

Contestant contestant(Worker& worker) {
  Contestant made;
  made.seconds_per_step = [&worker](std::int64_t steps) {
    return std::stod(worker.ask(fmt::format("turn {}", steps)));
  };
  return made;
}

double median(const std::vector<double>& values) { return bench::summarize(values).median; }

struct Result {
  std::string name;
  std::vector<double> seconds{};  // of every round
  double peak_bytes = 0;
};

// One line: what assay's step takes, what theirs takes, and the ratio over the rounds.
void print_ratio(const Experiment& experiment, const Result& ours, const std::string& whose,
                 const Result& theirs) {
  std::vector<double> ratios;
  for (std::size_t r = 0; r < ours.seconds.size(); ++r) ratios.push_back(ours.seconds[r] / theirs.seconds[r]);
  const bench::Interval interval = bench::median_interval(ratios, kCoverage);
  const BackendConfig& backend = experiment.backend;
  fmt::print(
      "{:<26} {:<9} {} thread{}  assay {:>10.2f} µs  {:<8} {:>10.2f} µs  ratio {:.3f} [{:.3f}, {:.3f}]  "
      "peak {:.0f} / {:.0f} MB  {}\n",
      experiment.name, backend.type, backend.threads, backend.threads == 1 ? " " : "s",
      median(ours.seconds) * 1e6, whose, median(theirs.seconds) * 1e6, median(ratios), interval.low,
      interval.high, ours.peak_bytes / 1e6, theirs.peak_bytes / 1e6, theirs.name);
  std::fflush(stdout);
}

// Every way of writing a step takes part in every round, and the fastest of those by hand is the measure.
void compare(const Experiment& experiment, const Registry& registry, const Options& options) {
  std::vector<Result> results{{"assay"}};
  std::size_t by_hand = 0;
  bool has_torch = false;
  {
    // For the names alone: nothing runs here, and no thread is started before the processes are made.
    const Problem problem(experiment, registry, experiment.seeds.front());
    StateStore states;
    for (const Variant& variant : variants(problem, states)) results.push_back({variant.name});
    by_hand = results.size() - 1;
    has_torch = libtorch(problem, states).has_value();
    if (has_torch) results.push_back({});
  }
  std::deque<Worker> workers;
  workers.emplace_back([&] { return assays(experiment, registry, options.clock); });
  for (std::size_t v = 0; v < by_hand; ++v)
    workers.emplace_back([&, v] { return opponents(experiment, registry, variants, v, options.clock); });
  if (has_torch)
    workers.emplace_back([&] { return opponents(experiment, registry, torch_variants, 0, options.clock); });

  std::string losses = fmt::format("loss of step {}:", kComparedSteps + 1);
  std::vector<Contestant> all;
  for (Worker& worker : workers) {
    losses += fmt::format(" {:.6g}", std::stod(worker.ask(fmt::format("loss {}", kComparedSteps))));
    set_steps(all.emplace_back(contestant(worker)), kTurnSeconds);
  }
  fmt::print(stderr, "{} (assay, by hand{})\n", losses, has_torch ? ", libtorch" : "");
  const auto seconds = bench::go_around(all, options.rounds);
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].seconds = seconds[i];
    results[i].peak_bytes = std::stod(workers[i].ask("peak"));
  }
  if (by_hand == 0) fmt::print("{}: nobody has written it by hand\n", experiment.name);
  const auto hands = std::span(results).subspan(1, by_hand);
  const auto best = std::ranges::min_element(hands, {}, [](const Result& r) { return median(r.seconds); });
  if (best != hands.end()) print_ratio(experiment, results.front(), "by hand", *best);
  if (has_torch) print_ratio(experiment, results.front(), "libtorch", results.back());
}

void run(int argc, char** argv) {
  const Options options = read(argc, argv);
  Registry registry;
  register_builtin(registry);
  for (const std::string& file : options.files) {
    std::vector<std::optional<std::string>> backends(options.backends.begin(), options.backends.end());
    if (backends.empty()) backends.emplace_back();
    for (const std::optional<std::string>& backend : backends) {
      Experiment experiment =
          load_experiment(file, {.overrides = options.overrides, .backend = backend, .seed = {}}, registry);
      for (const int threads : options.threads) {
        experiment.backend.threads = threads;
        compare(experiment, registry, options);
      }
    }
  }
}

}  // namespace

std::vector<Variant> variants(const Problem& problem, const StateStore& states) {
  const std::string& name = problem.experiment().name;
  if (name.starts_with("a-")) return plain_loops(problem, states);
  if (name.find("mlp") != std::string::npos) return perceptrons(problem, states);
  if (name.starts_with("e-")) return lenets(problem, states);
  if (name.starts_with("f-")) return vggs(problem, states);
  return {};
}

}  // namespace assay::speed

int main(int argc, char** argv) {
  return assay::speed::exit_code_of([&] { assay::speed::run(argc, argv); });
}
