// assay run --resume as its user sees it: signals, kills, the lock, and what does not go with it.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <regex>
#include <thread>

#include "cli/command_line.h"
#include "support/requirement.h"

namespace assay::test {
namespace {

constexpr const char* kStrace = "/usr/bin/strace";

class Resume : public CommandLine {
 protected:
  Resume() {
    ExperimentLines lines;
    lines.name = "name: resume";
    lines.data = "data: {type: spirals, count: 300, split: {validation: 0.2}}";
    lines.model =
        "model:\n  input: [2]\n  layers:\n    - {type: dense, units: 24, init: he_normal}\n    - {type: "
        "batch_norm}\n"
        "    - {type: relu}\n    - {type: dropout, rate: 0.25}\n    - {type: dense, units: 2}";
    lines.loss = "loss: {type: softmax_cross_entropy}";
    lines.optimizer = "optimizer: {type: adamw, learning_rate: 0.01}";
    lines.train = "train: {epochs: 40, batch_size: 4}\ncheckpoint: {every: 100 steps, keep_last: 2}";
    experiment_ = write("experiment.yaml", lines.text());
  }

  // Starts the program and returns its process, which the caller waits for.
  pid_t start(const std::vector<std::string>& arguments) const {
    const std::string program = assay_binary().string();
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    std::fflush(stdout);  // or the child would write what waits there once more
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(folder_.path().c_str()) != 0 || std::freopen("/dev/null", "w", stdout) == nullptr ||
          std::freopen("/dev/null", "w", stderr) == nullptr)
        ::_exit(127);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    return child;
  }
  // Whether this process may look into another one.
  static bool may_trace() {
    return run_process(kStrace, {"-qq", "-f", "-o", "/dev/null", "-e", "trace=fsync", "/bin/true"})
               .exit_code == 0;
  }
  // A run into `run`, under strace with these options, which writes strace.log.
  ProcessResult traced_run(const std::vector<std::string>& options) const {
    std::vector<std::string> words{"-qq", "-f", "-o", (folder_ / "strace.log").string()};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {assay_binary().string(), "run", experiment_, "-o", "run", "-q"});
    // Of a sanitizer build: who is traced already cannot look for leaks.
    return run_process(kStrace, words,
                       {.folder = folder_.path(), .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}}});
  }
  // The exit code, or minus the signal.
  static int end_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // Until the run has written so many bytes of metrics, so that the signal comes while it trains.
  void wait_for_rows(std::size_t bytes) const {
    const std::filesystem::path metrics = folder_ / "run/metrics.jsonl";
    for (int i = 0; i < 6000; ++i) {
      std::error_code none;
      if (const auto size = std::filesystem::file_size(metrics, none); !none && size >= bytes) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "the run wrote no rows";
  }
  void expect_same_run() {
    for (const char* file : {"metrics.jsonl", "weights.safetensors", "summary.json"})
      EXPECT_EQ(contents(folder_ / "run" / file), contents(folder_ / "whole" / file)) << file;
  }

  std::string experiment_;
};

TEST_F(Resume, AfterASignal) {
  expect(0, {"run", experiment_, "-o", "whole", "-q"});
  for (const int signal : {SIGINT, SIGTERM}) {
    std::filesystem::remove_all(folder_ / "run");
    const pid_t child = start({"run", experiment_, "-o", "run", "-q"});
    wait_for_rows(1);
    ::kill(child, signal);
    ASSERT_EQ(end_of(child), 130);
    EXPECT_TRUE(std::filesystem::exists(folder_ / "run/checkpoints/latest"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run/lock"));
    expect(0, {"run", "--resume", "run", "-q"});
    expect_same_run();
  }
}

// While it starts, between two checkpoints, while one is written, at the end: wherever the run happens to be.
TEST_F(Resume, AfterKillsAtAnyMoment) {
  const auto begin = std::chrono::steady_clock::now();
  expect(0, {"run", experiment_, "-o", "whole", "-q"});
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - begin;
  const int wanted = is_long_test() ? 500 : 12;
  const auto next = [&]() -> std::vector<std::string> {
    const bool begun = std::filesystem::exists(folder_ / "run/experiment.yaml");
    return begun ? std::vector<std::string>{"run", "--resume", "run", "-q"}
                 : std::vector<std::string>{"run", experiment_, "-o", "run", "-q"};
  };
  std::mt19937 random;  // the moments are others every time, for the machine is never the same
  std::uniform_real_distribution<double> share(0, 1);
  int kills = 0, finished = 0;
  while (kills < wanted && !HasFailure()) {
    const pid_t child = start(next());
    std::this_thread::sleep_for(whole * share(random));
    ::kill(child, SIGKILL);
    const int end = end_of(child);
    if (end == -SIGKILL) {
      ++kills;
      continue;
    }
    EXPECT_EQ(end, 0);
    expect_same_run();
    std::filesystem::remove_all(folder_ / "run");
    ++finished;
  }
  expect(0, next());
  expect_same_run();
  std::printf("%d kills, over %d runs\n", kills, finished + 1);
}

TEST_F(Resume, ASecondProcessIsToldWhoHoldsTheFolder) {
  const pid_t child = start({"run", experiment_, "-o", "run", "-q"});
  wait_for_rows(1);
  ::kill(child, SIGSTOP);
  const ProcessResult second = expect(2, {"run", "--resume", "run"});
  EXPECT_NE(second.err.find(fmt::format("in use by process {} on ", child)), std::string::npos) << second.err;
  ::kill(child, SIGKILL);
  ::kill(child, SIGCONT);
  end_of(child);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/lock")) << "a killed process leaves it";
  expect(0, {"run", "--resume", "run", "-q"});
}

TEST_F(Resume, TakesNothingThatWouldMakeItAnotherRun) {
  expect(0, {"run", experiment_, "-o", "run", "-q"});
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--set", "train.epochs=9"},
                                             {"--backend", "eigen"},
                                             {"--seed", "4"},
                                             {"--run-dir", "other"},
                                             {"--dry-run"}}) {
    std::vector<std::string> words{"run", "--resume", "run"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_NE(expect(2, words).err.find(more[0]), std::string::npos);
  }
  EXPECT_NE(expect(2, {"run", experiment_, "--resume", "run"}).err.find("leave out"), std::string::npos);
  EXPECT_NE(expect(2, {"run", "--resume", "nowhere"}).err.find("holds no run"), std::string::npos);
  EXPECT_NE(expect(2, {"run"}).err.find("FILE"), std::string::npos);
  EXPECT_NE(expect(0, {"run", "--resume", "run", "-q"}).out.find("train/loss"), std::string::npos)
      << "a run that is done is told again";
}

// What watches a run's system calls, or makes them fail.
class ResumeTraced : public Resume {
 protected:
  void SetUp() override {
    Resume::SetUp();
    ASSAY_NEEDS(std::filesystem::exists(kStrace), "strace");
    if (!may_trace()) GTEST_SKIP() << "strace may not trace here";
  }
};

// A checkpoint that outlives a loss of power is of no use without the record that it belongs to.
TEST_F(ResumeTraced, TheRecordIsOnTheDiskBeforeTheFirstCheckpoint) {
  ASSERT_EQ(traced_run({"-y", "-e", "trace=fsync,rename"}).exit_code, 0);
  const std::string calls = contents(folder_ / "strace.log");
  const std::size_t checkpoint = calls.find("/checkpoints/step-");
  ASSERT_NE(checkpoint, std::string::npos) << calls;
  for (const char* file : {"git.json", "environment.json", "experiment.yaml"}) {
    const std::regex forced(fmt::format("fsync\\([0-9]+<[^>]*/run/{}>\\) += 0", file));
    std::smatch match;
    ASSERT_TRUE(std::regex_search(calls, match, forced)) << file << "\n" << calls;
    EXPECT_LT(match.position(), static_cast<std::ptrdiff_t>(checkpoint)) << file;
  }
}

// Every system call by which a run changes its folder fails once, or is the last one before a kill: the run
// ends with an error or is gone, and what it left is continued as if nothing had been.
TEST_F(ResumeTraced, AfterAFaultInAnySystemCall) {
  std::string text = contents(experiment_);
  text.replace(text.find("epochs: 40, batch_size: 4"), 25, "epochs: 3, batch_size: 60");
  text.replace(text.find("every: 100"), 10, "every: 5");
  write("experiment.yaml", text);
  expect(0, {"run", experiment_, "-o", "whole", "-q"});
  int faults = 0;
  for (const std::string fault :
       {"write:signal=KILL", "fsync:signal=KILL", "rename:signal=KILL", "unlink:signal=KILL",
        "mkdir:signal=KILL", "flock:signal=KILL", "ftruncate:signal=KILL", "write:error=ENOSPC",
        "fsync:error=EIO", "rename:error=EIO"}) {
    // A checkpoint is many writes, which are alike; the long test takes every one.
    const int stride = !is_long_test() && fault.starts_with("write") ? 11 : 1;
    for (int when = 1;; when += stride) {
      SCOPED_TRACE(fmt::format("{}, call {}", fault, when));
      std::filesystem::remove_all(folder_ / "run");
      const ProcessResult result = traced_run({"-e", "trace=" + fault.substr(0, fault.find(':')), "-e",
                                               fmt::format("inject={}:when={}", fault, when)});
      if (result.exit_code == 0) break;  // no call is left to fail
      ++faults;
      EXPECT_TRUE(result.exit_code == 128 + SIGKILL || result.exit_code == 2 || result.exit_code == 4)
          << describe(result);
      if (std::filesystem::exists(folder_ / "run/experiment.yaml")) {
        expect(0, {"run", "--resume", "run", "-q"});
      } else {  // not begun
        expect(0, {"run", experiment_, "-o", "run", "-q"});
      }
      expect_same_run();
      ASSERT_LT(when, 500) << "the fault is never reached";
    }
  }
  EXPECT_GT(faults, 30);
}

}  // namespace
}  // namespace assay::test
