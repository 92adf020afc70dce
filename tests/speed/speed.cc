// assay's training step beside one written by hand, in turns, on the workloads of experiments/bench:
//   speed [--threads 1,2] [--rounds N] [--backend LIST] [--set KEY=VALUE] [--processor-time] FILE...
// prints the ratio of their times with the interval that covers its median with 95 %. Processor time is for
// one thread on a machine that others use: what they take of the processor is not counted, what they take of
// its caches is.
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <deque>
#include <string>
#include <vector>

#include "assay/bench/rounds.h"
#include "assay/bench/statistics.h"
#include "assay/bench/subject.h"
#include "assay/bench/worker.h"
#include "assay/core/error.h"
#include "speed/by_hand.h"

namespace assay::speed {
namespace {

using bench::Contestant;
using bench::Worker;
constexpr double kTurnSeconds = 0.05;
constexpr double kCoverage = 0.95;
constexpr int kComparedSteps = 5;  // after which the losses are compared

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> backends;  // empty: the file's
  std::vector<std::string> overrides;
  std::vector<int> threads{1, 2};
  std::int64_t rounds = 21;
  clockid_t clock = CLOCK_MONOTONIC;
};

double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

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
      for (const std::string& count : listed(value())) options.threads.push_back(std::stoi(count));
    } else if (word == "--rounds") {
      options.rounds = std::stoll(value());
    } else if (word == "--processor-time") {
      options.clock = CLOCK_PROCESS_CPUTIME_ID;
    } else if (word == "--backend") {
      options.backends = listed(value());
    } else if (word == "--set") {
      options.overrides.push_back(value());
    } else {
      options.files.push_back(word);
    }
  }
  if (options.files.empty())
    throw Error(
        "usage: speed [--threads 1,2] [--rounds N] [--backend LIST] [--set KEY=VALUE] [--processor-time] "
        "experiments/bench/FILE...");
  return options;
}

// A step by hand with all that it refers to.
struct Opponent {
  Opponent(const Experiment& experiment, const Registry& registry, std::size_t variant)
      : experiment(experiment), problem(this->experiment, registry, experiment.seeds.front()) {
    problem.initialize(states);
    program = variants(problem, states)[variant].make();
  }
  Experiment experiment;
  Problem problem;
  StateStore states;
  std::unique_ptr<HandWritten> program;
};

// "loss N" runs N steps and answers the loss of the last, "turn N" answers seconds per step.
template <class Run, class Loss>
Worker::Answer answer(clockid_t clock, Run run, Loss loss) {
  return [=](const std::string& request) {
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

Worker::Answer by_hand(const Experiment& experiment, const Registry& registry, std::size_t variant,
                       clockid_t clock) {
  const auto opponent = std::make_shared<Opponent>(experiment, registry, variant);
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

void compare(const Experiment& experiment, const Registry& registry, const Options& options) {
  std::vector<std::string> names;
  {
    // For the names alone: nothing runs here, and no thread is started before the processes are made.
    const Problem problem(experiment, registry, experiment.seeds.front());
    StateStore states;
    for (const Variant& variant : variants(problem, states)) names.push_back(variant.name);
  }
  if (names.empty()) {
    fmt::print("{}: nobody has written it by hand\n", experiment.name);
    return;
  }
  std::deque<Worker> hands;
  for (std::size_t v = 0; v < names.size(); ++v)
    hands.emplace_back([&, v] { return by_hand(experiment, registry, v, options.clock); });
  Worker assay([&] { return assays(experiment, registry, options.clock); });
  const std::string loss = fmt::format("loss {}", kComparedSteps);
  const double ours = std::stod(assay.ask(loss));
  std::string losses = fmt::format("loss after {} steps: {:.6g}; by hand", kComparedSteps + 1, ours);
  for (Worker& hand : hands) losses += fmt::format(" {:.6g}", std::stod(hand.ask(loss)));

  // Every way of writing it takes part in every round, and the fastest of them is the measure.
  std::vector<Contestant> all{contestant(assay)};
  for (Worker& hand : hands) all.push_back(contestant(hand));
  for (Contestant& c : all) set_steps(c, kTurnSeconds);
  const auto seconds = bench::go_around(all, options.rounds);
  std::size_t best = 1;
  for (std::size_t v = 2; v < seconds.size(); ++v) {
    if (median(seconds[v]) < median(seconds[best])) best = v;
  }
  std::vector<double> ratios;
  for (std::size_t r = 0; r < seconds[0].size(); ++r) ratios.push_back(seconds[0][r] / seconds[best][r]);
  const bench::Interval interval = bench::median_interval(ratios, kCoverage);
  fmt::print(
      "{:<26} {:<9} {} thread{}  assay {:>12.3f} µs  by hand {:>12.3f} µs  ratio {:.3f} [{:.3f}, {:.3f}]  "
      "({})\n",
      experiment.name, experiment.backend.type, experiment.backend.threads,
      experiment.backend.threads == 1 ? " " : "s", median(seconds[0]) * 1e6, median(seconds[best]) * 1e6,
      median(ratios), interval.low, interval.high, names[best - 1]);
  fmt::print(stderr, "{}\n", losses);
  std::fflush(stdout);
}

int run(int argc, char** argv) {
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
  return 0;
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
  try {
    return assay::speed::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
