// assay sweep as its user sees it: which trials there are, which of them run and why, what a crash leaves,
// and the table of results.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "cli/command_line.h"

namespace assay::test {
namespace {

using Json = nlohmann::json;

/// The lines of a sweep that is right.
struct SweepLines {
  std::string objective = "objective: {metric: train/loss, mode: min}";
  std::string method = "method: {type: grid}";
  std::string parameters =
      "parameters:\n  optimizer.learning_rate: [0.1, 0.05]\n  model.layers[only].bias: [true, false]";
  std::string exclude{};
  std::string set = "set: {seeds: [1, 2]}";
  std::string more{};

  std::string text() const {
    std::string all = "assay: 1\nname: rates\nexperiment: small.yaml\n";
    for (const std::string& line : {objective, method, parameters, exclude, set, more}) {
      if (!line.empty()) all += line + "\n";
    }
    return all;
  }
};

class Sweep : public CommandLine {
 protected:
  Sweep() { write("small.yaml", ExperimentLines{}.text()); }

  std::string file(const SweepLines& lines) const { return write("sweep.yaml", lines.text()); }
  // The trials in the order of the results.
  Json results(int exit_code, std::vector<std::string> words) const {
    words.insert(words.begin(), "sweep");
    words.insert(words.end(), {"--format", "json"});
    return Json::parse(expect(exit_code, words).out).at("trials");
  }
  std::string plan(const std::string& sweep, const std::string& option = "--dry-run") const {
    return expect(0, {"sweep", sweep, "--dry-run", option == "--dry-run" ? "--quiet" : option}).out;
  }
  static std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  }
};

TEST_F(Sweep, IsNotTakenForAnExperiment) {
  const std::string sweep = source_file("experiments/sweeps/spirals_width_by_rate.yaml").string();
  for (const char* command : {"run", "check", "explain"})
    EXPECT_NE(expect(2, {command, sweep}).err.find("run it with assay sweep"), std::string::npos) << command;
}

TEST_F(Sweep, TakesNoExperimentForASweep) {
  const std::string error =
      expect(2, {"sweep", source_file("experiments/seed/worked_example.yaml").string()}).err;
  EXPECT_NE(error.find("this file describes an experiment, not a sweep"), std::string::npos) << error;
  EXPECT_NE(error.find("run it with assay run"), std::string::npos) << error;
  EXPECT_EQ(error.find("lacks the key"), std::string::npos)
      << "one error, not what a sweep would have: " << error;
}

TEST_F(Sweep, RunsEveryTrialOnceBestFirst) {
  const std::string sweep = file({});
  EXPECT_EQ(occurrences(plan(sweep), "  new  "), 4u) << plan(sweep);
  const Json trials = results(0, {sweep, "--jobs", "2"});
  ASSERT_EQ(trials.size(), 4u);
  double best = 0;
  for (const Json& trial : trials) {
    EXPECT_EQ(trial["status"], "done");
    EXPECT_EQ(trial["seeds"], 2);
    const double loss = trial["metrics"]["train/loss"]["mean"];
    EXPECT_GE(loss, best);
    best = loss;
  }
  for (const char* name : {"runs/rates/results.csv", "runs/rates/results.json"})
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
  EXPECT_EQ(contents(folder_ / "runs/rates/results.csv"), expect(0, {"sweep", sweep, "--format", "csv"}).out);
  EXPECT_EQ(Json::parse(expect(0, {"list", "runs", "--format", "json"}).out).size(), 4u);
  // Nothing is left to do, and nothing is done.
  const auto before =
      std::filesystem::last_write_time(folder_ / "runs/rates" / std::string(trials[0]["trial"]));
  EXPECT_EQ(occurrences(plan(sweep), "skipped  done"), 4u) << plan(sweep);
  EXPECT_EQ(results(0, {sweep}), trials);
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "runs/rates" / std::string(trials[0]["trial"])),
            before);
  const std::string text = expect(0, {"sweep", sweep}).out;
  EXPECT_EQ(occurrences(text, " ± "), 4u) << text;
}

TEST_F(Sweep, ATrialHasTheBitsOfARunOfItsOwn) {
  SweepLines lines;
  lines.parameters = "parameters: {optimizer.learning_rate: [0.05]}";
  lines.set = "set: {seed: 3}";
  const std::string id = results(0, {file(lines)}).at(0).at("trial");
  expect(0, {"run", "small.yaml", "-q", "-o", "alone", "--seed", "3", "-s", "optimizer.learning_rate=0.05"});
  for (const std::string name : {"weights.safetensors", "metrics.jsonl", "summary.json"})
    EXPECT_EQ(contents(folder_ / "runs/rates" / (id + "/" + name)), contents(folder_ / "alone" / name))
        << name;
}

TEST_F(Sweep, SaysWhatChanged) {
  SweepLines lines;
  expect(0, {"sweep", file(lines), "-q"});
  lines.parameters =
      "parameters:\n  optimizer.learning_rate: [0.1, 0.02]\n  model.layers[only].bias: [true, false]";
  std::string text = plan(file(lines));
  EXPECT_EQ(occurrences(text, "skipped  done"), 2u) << text;
  EXPECT_EQ(occurrences(text, "runs     changed: optimizer.learning_rate  "), 2u) << text;
  // Of the experiment's own file, too; and another way of writing it changes nothing.
  ExperimentLines experiment;
  experiment.train = "train: {batch_size: 2, epochs: 2}";
  write("small.yaml", experiment.text());
  EXPECT_EQ(plan(file(lines)), text);
  experiment.train = "train: {epochs: 3, batch_size: 2}";
  write("small.yaml", experiment.text());
  text = plan(file(lines));
  EXPECT_GE(occurrences(text, "changed: train.epochs  "), 2u) << text;
  EXPECT_EQ(occurrences(text, "done"), 0u) << text;
}

// A trial's data are part of what it was made from, though its configuration only names their file.
TEST_F(Sweep, RunsTrialsAgainWhoseDataChanged) {
  write("points.csv", "x,y\n1,1\n2,0\n-1,0.5\n");
  ExperimentLines experiment;
  experiment.data = "data: {type: csv, file: points.csv, target: y}";
  write("small.yaml", experiment.text());
  const std::string sweep = file({});
  const Json before = results(0, {sweep});
  EXPECT_EQ(occurrences(plan(sweep), "skipped  done"), 4u) << plan(sweep);
  write("points.csv", "x,y\n1,1\n2,0\n-1,0.25\n");
  EXPECT_EQ(occurrences(plan(sweep), "runs  changed: data  "), 4u) << plan(sweep);
  const Json after = results(0, {sweep});
  EXPECT_NE(after[0]["metrics"], before[0]["metrics"]);
  EXPECT_EQ(occurrences(plan(sweep), "skipped  done"), 4u) << plan(sweep);
  // Nor is a run that was interrupted gone on with.
  const std::string id = after[0]["trial"];
  std::filesystem::remove(folder_ / "runs/rates" / id / "summary.json");
  write("points.csv", "x,y\n1,1\n2,0\n-1,0.5\n");
  EXPECT_EQ(occurrences(plan(sweep), "changed: data  "), 4u) << plan(sweep);
  EXPECT_EQ(results(0, {sweep}), before);
  // What says the same in other files is the same.
  std::filesystem::last_write_time(folder_ / "points.csv", std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(occurrences(plan(sweep), "skipped  done"), 4u) << plan(sweep);
}

TEST_F(Sweep, MethodsNameTheirTrials) {
  SweepLines lines;
  lines.exclude = "exclude: [{optimizer.learning_rate: 1.0e-1, model.layers[only].bias: false}]";
  EXPECT_EQ(occurrences(plan(file(lines)), "runs"), 3u);
  lines.exclude = "";
  lines.more = "overrides: [{when: {optimizer.learning_rate: 0.1}, set: {train.epochs: 1}}]";
  EXPECT_EQ(occurrences(plan(file(lines)), "runs"), 4u);

  SweepLines list;
  list.method = "method: {type: list}";
  list.parameters =
      "trials:\n  - {optimizer.learning_rate: 0.1}\n  - {optimizer.learning_rate: 0.1, train.epochs: 3}";
  EXPECT_EQ(occurrences(plan(file(list)), "runs"), 2u);

  SweepLines random;
  random.method = "method: {type: random, trials: 5, seed: 1}";
  random.parameters =
      "parameters:\n  optimizer.learning_rate: {min: 1.0e-4, max: 1.0e-1, scale: log}\n"
      "  train.epochs: {min: 1, max: 3}";
  const std::string five = plan(file(random));
  EXPECT_EQ(occurrences(five, "runs"), 5u) << five;
  EXPECT_EQ(plan(file(random)), five);
  random.method = "method: {type: random, trials: 6, seed: 1}";
  const std::string six = plan(file(random));
  EXPECT_EQ(six.substr(0, 12 + six.find("\n")), five.substr(0, 12 + five.find("\n"))) << six << five;
}

TEST_F(Sweep, AFailedTrialLeavesTheOthersStanding) {
  SweepLines lines;
  lines.parameters = "parameters: {optimizer.learning_rate: [1.0e+300, 0.1, 0.05]}";
  lines.set = "set: {train.epochs: 30}";
  const std::string sweep = file(lines);
  const Json trials = results(4, {sweep});
  EXPECT_EQ(trials[0]["status"], "done");
  EXPECT_EQ(trials[1]["status"], "done");
  EXPECT_EQ(trials[2]["status"], "failed");
  const std::string reason = trials[2]["reason"];
  EXPECT_NE(reason.find("diverged"), std::string::npos) << reason;
  EXPECT_EQ(occurrences(plan(sweep), "skipped  failed before: "), 1u) << plan(sweep);
  EXPECT_EQ(occurrences(plan(sweep, "--retry-failed"), "runs     failed before: "), 1u);
  EXPECT_NE(expect(4, {"sweep", sweep}).err.find("1 failed before"), std::string::npos);

  std::filesystem::remove_all(folder_ / "runs");
  const Json stopped = results(4, {sweep, "--fail-fast", "--jobs", "1"});
  EXPECT_EQ(stopped[2]["status"], "not run") << stopped;
}

TEST_F(Sweep, WrongFilesAreRefusedBeforeAnythingRuns) {
  const auto refused = [&](const SweepLines& lines, const std::vector<std::string>& says) {
    expect_refused({"sweep", file(lines)}, says);
  };
  SweepLines lines;
  lines.parameters = "parameters: {}";
  refused(lines, {"'parameters' names nothing that varies", "sweep.yaml:6:13"});
  lines.parameters = "parameters: {optimizer.learning_rate: []}";
  refused(lines, {"'optimizer.learning_rate' has no list of values"});
  lines.parameters = "parameters: {optimizer.learning_rate: [0.1, 1.0e-1]}";
  refused(lines, {"the value 0.1 twice", "sweep.yaml:6:45"});
  lines.parameters = "parameters: {optimizer.learning_rte: [0.1]}";
  refused(lines, {"unknown key 'learning_rte'", "sweep.yaml:6:24", "'learning_rate'"});
  lines.parameters = "parameters: {model.layers[onlie].units: [1]}";
  refused(lines, {"no element is named 'onlie'", "sweep.yaml:6:27", "known names: only"});
  lines.parameters = "parameters: {model.layers[only].units: [0]}";
  refused(lines, {"'units' is 0", "sweep.yaml:6:41", "model.layers[only].units=0"});
  lines.parameters = SweepLines{}.parameters;
  lines.exclude = "exclude: [{optimizer.learning_rate: 0.2}]";
  refused(lines, {"never has the value 0.2", "its values: 0.1, 0.05"});
  lines.exclude = "exclude: [{optimizer.momentum: 0.2}]";
  refused(lines, {"'optimizer.momentum', which does not vary"});
  lines.exclude = "";
  lines.set = "set: {optimizer.learning_rate: 0.3}";
  refused(lines, {"is set for every trial and varies as well"});
  lines.set = "";
  lines.objective = "objective: {metric: validation/accuracy, mode: max}";
  refused(lines, {"measures no 'validation/accuracy'", "train/loss"});
  lines.objective = "objective: {metric: train/loss, mode: least}";
  refused(lines, {"unknown mode 'least'"});
  SweepLines list;
  list.method = "method: {type: list}";
  list.parameters =
      "trials: [{train.epochs: 2}, {train.epochs: 3}, {train.epochs: 2, optimizer.learning_rate: 0.1}]";
  refused(list, {"trials 1 and 3 are the same experiment"});
  SweepLines random;
  random.method = "method: {type: random, trials: 5, seed: 1}";
  random.parameters = "parameters: {optimizer.learning_rate: [0.1, 0.2, 0.3]}";
  refused(random, {"should have 5 trials, but only 3 different ones"});
  expect_refused({"sweep", write("other.yaml",
                                 "assay: 1\nname: a\nexperiment: nowhere.yaml\nobjective: {metric: "
                                 "train/loss, mode: min}\nparameters: {train.epochs: [1]}\n")},
                 {"nowhere.yaml"});
  expect_refused({"sweep", file({}), "--fail-fast", "--keep-going"}, {"exclude each other"});
}

// Killed at any moment with all that it started; what had ended is kept, the rest runs, and the results are
// those of a sweep that was never stopped.
TEST_F(Sweep, AfterKillsAtAnyMoment) {
  ExperimentLines experiment;
  experiment.train = "train: {epochs: 500, batch_size: 1}\ncheckpoint: {every: 200 steps}";
  write("small.yaml", experiment.text());
  SweepLines lines;
  lines.parameters = "parameters: {optimizer.learning_rate: [0.1, 0.05, 0.04, 0.03]}";
  lines.set = "set: {seeds: [1, 2]}";
  const std::string sweep = file(lines);
  const auto begin = std::chrono::steady_clock::now();
  const Json whole = results(0, {sweep, "-o", "whole", "-j", "2"});
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
  const int wanted = is_long_test() ? 60 : 4;
  const auto finished = [&] {
    std::set<std::string> trials;
    for (const std::string& name : files("killed")) {
      if (name.ends_with("summary.json")) trials.insert(name);
    }
    return trials;
  };
  const auto compare = [&] {
    const Json killed = results(0, {sweep, "-o", "killed"});
    ASSERT_EQ(killed.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const Json& trial = whole[i];
      EXPECT_EQ(killed[i]["trial"], trial["trial"]);
      EXPECT_EQ(killed[i]["metrics"], trial["metrics"]);
      for (const std::string name : {"seed-1/weights.safetensors", "seed-2/weights.safetensors",
                                     "seed-1/metrics.jsonl", "seed-2/metrics.jsonl", "summary.json"}) {
        const std::string path = std::string(trial["trial"]) + "/" + name;
        EXPECT_EQ(contents(folder_ / "killed" / path), contents(folder_ / "whole" / path)) << path;
      }
    }
  };
  std::mt19937 random;
  std::uniform_real_distribution<double> share(0, 1);
  int kills = 0, sweeps = 1;
  std::filesystem::create_directories(folder_ / "killed");
  for (std::set<std::string> kept; kills < wanted && !HasFailure();) {
    std::fflush(stdout);  // or the child would write what waits there once more
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(folder_.path().c_str()) != 0 || std::freopen("/dev/null", "w", stdout) == nullptr)
        ::_exit(1);
      ::execl(assay_binary().c_str(), "assay", "sweep", sweep.c_str(), "-q", "-o", "killed", "-j", "2",
              nullptr);
      ::_exit(127);
    }
    std::this_thread::sleep_for(duration * share(random));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    const std::set<std::string> now = finished();
    EXPECT_TRUE(std::ranges::includes(now, kept)) << "a kill loses no trial that had ended";
    kept = now;
    if (WIFSIGNALED(status)) {
      ++kills;
      continue;
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
    compare();
    std::filesystem::remove_all(folder_ / "killed");
    std::filesystem::create_directories(folder_ / "killed");
    kept.clear();
    ++sweeps;
  }
  compare();
  std::printf("%d kills, over %d sweeps\n", kills, sweeps);
}

}  // namespace
}  // namespace assay::test
