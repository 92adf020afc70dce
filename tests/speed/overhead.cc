// What stands around the steps of a run:
//   overhead [--rounds N] start ASSAY [KEY=VALUE...] FILE...
// from starting `ASSAY run FILE` to the end of its first step, in milliseconds on the clock and of the
// processor;
//   overhead [--rounds N] epoch [KEY=VALUE...] FILE...
// an epoch — arranging, batches, steps, what the trainer keeps — as a multiple of its steps alone, which run
// in turns with it.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "assay/bench/statistics.h"
#include "assay/bench/subject.h"
#include "assay/core/error.h"
#include "assay/core/scratch_folder.h"
#include "assay/experiment/trainer.h"
#include "speed/clock.h"
#include "speed/command_line.h"

namespace assay::speed {
namespace {

std::string with_interval(const std::vector<double>& values) {
  const bench::Interval interval = bench::median_interval(values, 0.95);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", bench::summarize(values).median, interval.low, interval.high);
}

struct Moment {
  double elapsed = 0, processor = 0;  // since the program was started
};

// Runs a program whose standard error says when its first step is done.
Moment first_step(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error("no pipe can be made");
  posix_spawn_file_actions_t streams;
  posix_spawn_file_actions_init(&streams);
  posix_spawn_file_actions_addopen(&streams, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&streams, ends[1], STDERR_FILENO);
  const double begin = now(CLOCK_MONOTONIC);
  pid_t child = 0;
  const int failed = posix_spawn(&child, arguments[0], &streams, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&streams);
  close(ends[1]);
  if (failed != 0) throw Error(fmt::format("'{}' cannot be started", words[0]));

  Moment moment;
  std::string told;
  char part[4096];
  for (ssize_t bytes = 0; (bytes = read(ends[0], part, sizeof part)) > 0;) {
    told.append(part, static_cast<std::size_t>(bytes));
    if (moment.elapsed > 0 || told.find(" step 1 ") == std::string::npos) continue;
    clockid_t clock{};
    clock_getcpuclockid(child, &clock);
    moment = {now(CLOCK_MONOTONIC) - begin, now(clock)};
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (moment.elapsed == 0) throw Error(fmt::format("'{}' did no step:\n{}", fmt::join(words, " "), told));
  return moment;
}

void measure_start(const std::string& assay, const std::string& file,
                   const std::vector<std::string>& overrides, std::int64_t rounds) {
  const ScratchFolder scratch("assay-speed");
  std::vector<double> elapsed, processor;
  for (std::int64_t round = 0; round <= rounds; ++round) {
    std::vector<std::string> words{
        assay,   "run",           file,        "--verbose",
        "--set", "train.steps=1", "--run-dir", scratch.path() / std::to_string(round)};
    for (const std::string& change : overrides) words.insert(words.end(), {"--set", change});
    const Moment moment = first_step(words);
    if (round == 0) continue;  // files come into the page cache
    elapsed.push_back(moment.elapsed * 1e3);
    processor.push_back(moment.processor * 1e3);
  }
  fmt::print("{:<50} {} ms, of the processor {} ms\n", file, with_interval(elapsed),
             with_interval(processor));
}

// Times the steps of every epoch from its beginning to its last step, and the same number of steps alone.
class EpochClock final : public RunObserver {
 public:
  EpochClock(bench::Subject& steps, double per_epoch) : subject_(steps), per_epoch_(per_epoch) {}

  void begin_epoch(std::int64_t, std::int64_t, std::int64_t steps) override {
    steps_ = steps;
    begin_ = now(CLOCK_PROCESS_CPUTIME_ID);
  }
  void step(std::int64_t step, double) override {
    if (step < steps_) return;
    const double epoch = now(CLOCK_PROCESS_CPUTIME_ID) - begin_;
    begin_ = now(CLOCK_PROCESS_CPUTIME_ID);
    subject_.run(steps_);
    const double alone = (now(CLOCK_PROCESS_CPUTIME_ID) - begin_) / static_cast<double>(steps_) * per_epoch_;
    ratios.push_back(epoch / alone);
  }
  std::vector<double> ratios;

 private:
  bench::Subject& subject_;
  double per_epoch_;  // steps, the last one in proportion to its rows
  std::int64_t steps_ = 0;
  double begin_ = 0;
};

void measure_epoch(const std::string& file, std::vector<std::string> overrides, std::int64_t rounds) {
  Registry registry;
  register_builtin(registry);
  overrides.push_back(fmt::format("train.epochs={}", rounds));
  const Experiment experiment =
      load_experiment(file, {.overrides = overrides, .backend = {}, .seed = {}}, registry);
  const Problem problem(experiment, registry, experiment.seeds.front());
  bench::Subject steps(experiment, registry);
  EpochClock clock(steps, static_cast<double>(problem.data().train.rows()) /
                              static_cast<double>(problem.training_batch()));
  const std::atomic<bool> stop{false};
  Trainer(problem).run(clock, stop);
  fmt::print("{:<50} {} × its steps\n", file, with_interval(clock.ratios));
}

void run(std::vector<std::string> words) {
  std::int64_t rounds = 21;
  if (words.size() > 1 && words[0] == "--rounds") {
    rounds = count_of<std::int64_t>(words[0], words[1]);
    words.erase(words.begin(), words.begin() + 2);
  }
  const bool starts = words.size() > 2 && words[0] == "start";
  if (!starts && (words.size() < 2 || words[0] != "epoch"))
    throw Error(
        "usage: overhead [--rounds N] start ASSAY [KEY=VALUE...] FILE...\n"
        "       overhead [--rounds N] epoch [KEY=VALUE...] FILE...");
  std::vector<std::string> overrides;
  for (std::size_t i = starts ? 2 : 1; i < words.size(); ++i) {
    if (words[i].find('=') != std::string::npos) {
      overrides.push_back(words[i]);
    } else if (starts) {
      measure_start(words[1], words[i], overrides, rounds);
    } else {
      measure_epoch(words[i], overrides, rounds);
    }
  }
}

}  // namespace
}  // namespace assay::speed

int main(int argc, char** argv) {
  return assay::speed::exit_code_of([&] { assay::speed::run({argv + 1, argv + argc}); });
}
