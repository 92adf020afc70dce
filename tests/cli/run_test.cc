// assay run as its user sees it: the run folder, seeds, the same bytes twice, expectations, runs that fail.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "assay/data/safetensors.h"
#include "cli/command_line.h"

namespace assay::test {
namespace {

using Json = nlohmann::json;

// All that is random — initial values, data, split, shuffling, dropout — and an uneven last batch.
ExperimentLines random_lines() {
  ExperimentLines lines;
  lines.name = "name: random";
  lines.data = "data: {type: spirals, count: 50, split: {validation: 13}}";
  lines.model =
      "model:\n  input: [2]\n  layers:\n    - {type: dense, name: hidden, units: 9, init: he_normal}\n"
      "    - {type: batch_norm, name: norm}\n    - {type: relu}\n    - {type: dropout, rate: 0.25}\n"
      "    - {type: dense, name: logits, units: 2}";
  lines.loss = "loss: {type: softmax_cross_entropy}";
  lines.optimizer = "optimizer: {type: adam, learning_rate: 0.01}";
  lines.train = "train: {epochs: 3, batch_size: 8}";
  return lines;
}

class Run : public CommandLine {
 protected:
  std::string file(const ExperimentLines& lines, const std::string& name = "experiment.yaml") const {
    return write(name, lines.text());
  }
  std::string bytes_of(const std::string& name) const { return contents(folder_ / name); }
  Json json_of(const std::string& name) const { return Json::parse(contents(folder_ / name)); }
};

TEST_F(Run, LeavesItsFolderUnderRunsByNameTimeAndHash) {
  const ProcessResult result = expect(0, {"run", file(random_lines())});
  std::vector<std::string> runs;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "runs/random"))
    runs.push_back(entry.path().filename().string());
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_THAT(runs[0], ::testing::MatchesRegex("[0-9]+T[0-9]+Z-[0-9a-f]+"));
  EXPECT_NE(result.err.find("results: "), std::string::npos);
  EXPECT_NE(result.err.find(runs[0]), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("validation/accuracy"), std::string::npos) << result.out;
  EXPECT_EQ(files("runs/random/" + runs[0]),
            (std::vector<std::string>{"environment.json", "experiment.yaml", "git.json", "metrics.jsonl",
                                      "summary.json", "weights.safetensors"}));
}

TEST_F(Run, TheEnvironmentNamesWhatTheNumbersDependOn) {
  expect(0, {"run", file(random_lines()), "-o", "run"});
  const Json environment = json_of("run/environment.json");
  const std::string all = environment.dump();
  for (const char* part : {"placement", "processor", "threads", "reference.linear", "avx", "fmt", "glibc"})
    EXPECT_NE(all.find(part), std::string::npos) << part << "\n" << environment.dump(2);
  EXPECT_THAT(std::string(environment["assay"]["build"]), ::testing::HasSubstr("-ffp-contract=off"));
  const ::testing::Matcher<std::string> hash = ::testing::MatchesRegex("[0-9a-f]+");
  for (const std::string part : {"/assay/program/xxh3", "/assay/library/xxh3", "/placement_xxh3"})
    EXPECT_THAT(std::string(environment.at(Json::json_pointer(part))), hash) << part;
  EXPECT_NE(environment["assay"]["program"], environment["assay"]["library"]);
}

TEST_F(Run, TheSameRunTwiceIsTheSameBytesOnEveryBackend) {
  for (const std::string backend : {"reference", "eigen", "openmp", "onednn"}) {
    if (assay({"check", file(random_lines()), "--backend", backend}).exit_code != 0) continue;
    for (const std::string number : {"1", "2"})
      expect(0, {"run", file(random_lines()), "--backend", backend, "-o", backend + number, "--seed", "5"});
    for (const std::string name : {"/weights.safetensors", "/metrics.jsonl", "/experiment.yaml"})
      EXPECT_EQ(bytes_of(backend + "1" + name), bytes_of(backend + "2" + name)) << backend;
    expect(0, {"run", file(random_lines()), "--backend", backend, "-o", backend + "3", "--seed", "6"});
    EXPECT_NE(bytes_of(backend + "1/weights.safetensors"), bytes_of(backend + "3/weights.safetensors"))
        << backend;
  }
}

TEST_F(Run, TheResolvedConfigurationRunsAloneFromAnywhere) {
  write("points.csv", "x,y\n1,2\n3,4\n5,5\n");
  write("base.yaml", "assay: 1\noptimizer: {type: sgd, learning_rate: 0.125}\n");
  ExperimentLines lines;
  lines.data = "data: {type: csv, file: points.csv, target: y}";
  lines.optimizer = "extends: base.yaml";
  expect(0, {"run", file(lines), "-o", "first", "-s", "train.epochs=3", "--backend", "eigen"});
  const ProcessResult again =
      run_assay({"run", (folder_ / "first/experiment.yaml").string(), "-o", (folder_ / "second").string()},
                {.folder = "/"});
  ASSERT_EQ(again.exit_code, 0) << describe(again);
  EXPECT_EQ(bytes_of("first/weights.safetensors"), bytes_of("second/weights.safetensors"));
  EXPECT_EQ(bytes_of("first/experiment.yaml"), bytes_of("second/experiment.yaml"));
  for (const char* part : {"epochs: 3", "0.125", "eigen"})
    EXPECT_NE(bytes_of("first/experiment.yaml").find(part), std::string::npos) << part;
}

TEST_F(Run, SetReachesKeysElementsAndWholeMaps) {
  expect(0, {"run", file(random_lines()), "-o", "run", "-q", "-s", "model.layers[hidden].units=4", "-s",
             "model.layers[2].type=tanh", "--set", "optimizer={type: sgd, learning_rate: 0.5}",
             "--set=train.epochs=1"});
  const std::string resolved = bytes_of("run/experiment.yaml");
  for (const char* part : {"units: 4", "tanh", "learning_rate: 0.5", "epochs: 1"})
    EXPECT_NE(resolved.find(part), std::string::npos) << part << "\n" << resolved;
  const auto tensors = read_safetensors(folder_ / "run/weights.safetensors").tensors;
  EXPECT_EQ(tensors.front().tensor.shape(), (Shape{4, 2}));
  expect_refused({"run", file(random_lines()), "-s", "model.layers[hiden].units=4"}, {"'hiden'", "'hidden'"});
  expect_refused({"run", file(random_lines()), "-s", "optimizer.learning_rte=4"},
                 {"learning_rte", "'learning_rate'"});
}

TEST_F(Run, SeveralSeedsHaveFoldersMeanAndDeviation) {
  ExperimentLines lines = random_lines();
  lines.more = "seeds: [3, 4]";
  const ProcessResult result = expect(0, {"run", file(lines), "-o", "both"});
  EXPECT_EQ(result.out.find("metric"), 0u);
  EXPECT_NE(result.out.find("sd"), std::string::npos) << result.out;
  const Json summary = json_of("both/summary.json");
  ASSERT_EQ(summary.at("seeds").size(), 2u);
  const double a = summary["seeds"][0]["metrics"]["validation/loss"],
               b = summary["seeds"][1]["metrics"]["validation/loss"];
  EXPECT_EQ(summary.at("metrics").at("validation/loss").at("mean"), (a + b) / 2);
  for (const std::string seed : {"3", "4"}) {
    expect(0, {"run", file(lines), "-o", "only" + seed, "--seed", seed});
    for (const std::string name : {"/weights.safetensors", "/metrics.jsonl"})
      EXPECT_EQ(bytes_of("both/seed-" + seed + name), bytes_of("only" + seed + name))
          << "a seed runs as it would alone";
  }
  EXPECT_EQ(files("both"),
            (std::vector<std::string>{"environment.json", "experiment.yaml", "git.json", "seed-3",
                                      "seed-3/metrics.jsonl", "seed-3/weights.safetensors", "seed-4",
                                      "seed-4/metrics.jsonl", "seed-4/weights.safetensors", "summary.json"}));
}

TEST_F(Run, MetricsAreRowsOfJson) {
  expect(0, {"run", file(random_lines()), "-o", "run", "--seed", "9", "-q"});
  std::istringstream lines(bytes_of("run/metrics.jsonl"));
  int steps = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    ASSERT_EQ(row.size(), 5u) << line;
    EXPECT_EQ(row.at("seed"), 9);
    if (row.at("name") == "train/step_loss") {
      EXPECT_EQ(row.at("step"), ++steps);
    }
  }
  EXPECT_EQ(steps, 3 * 5) << "37 rows in batches of 8";
}

TEST_F(Run, AFailedExpectationIsExitCodeOneAndTheRunIsKept) {
  ExperimentLines lines = random_lines();
  lines.more = "expect: {validation/accuracy: {min: 1.01}, train/loss: {max: 1000}}";
  const ProcessResult result = expect(1, {"run", file(lines), "-o", "run"});
  EXPECT_NE(result.out.find("✗ expected validation/accuracy >= 1.01"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("✓ expected train/loss <= 1000"), std::string::npos) << result.out;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/weights.safetensors"));
}

// The rate doubles the error's magnitude and more with every step.
TEST_F(Run, ADivergedRunIsExitCodeFourNamesThePlaceAndLeavesNoWeights) {
  ExperimentLines lines;
  lines.optimizer = "optimizer: {type: sgd, learning_rate: 1.0e12}";
  lines.train = "train: {epochs: 100, batch_size: 3}";
  for (const std::string backend : {"reference", "eigen", "openmp", "onednn"}) {
    if (assay({"check", file(lines), "--backend", backend}).exit_code != 0) continue;
    const ProcessResult result = expect(4, {"run", file(lines), "-o", backend, "-q", "--backend", backend});
    for (const char* part :
         {"training diverged", "first value that is not finite: step ", "op '", " of '", "learning_rate"})
      EXPECT_NE(result.err.find(part), std::string::npos) << part << "\n" << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / backend / "weights.safetensors")) << backend;
    EXPECT_EQ(json_of(backend + "/summary.json").at("status"), "diverged");
  }
}

// One step whose loss and gradient are finite, and whose update is not.
TEST_F(Run, AnUpdateThatOverflowsLastIsADivergedRunToo) {
  ExperimentLines lines;
  lines.optimizer = "optimizer: {type: sgd, learning_rate: 1.0e300}";
  lines.train = "train: {epochs: 1, batch_size: 3}";
  const ProcessResult result = expect(4, {"run", file(lines), "-o", "run", "-q"});
  EXPECT_NE(result.err.find("step 1 (epoch 1, batch 1), op 'sgd_update'"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/weights.safetensors"));
}

TEST_F(Run, ARunIsWrittenOverNothing) {
  expect(0, {"run", file(ExperimentLines{}), "-o", "run"});
  expect_refused({"run", file(ExperimentLines{}), "-o", "run"}, {"'run' holds a run already", "--run-dir"});
  write("occupied", "a file");
  expect_refused({"run", file(ExperimentLines{}), "-o", "occupied"}, {"occupied"});
}

TEST_F(Run, ADryRunChecksEverythingAndWritesNothing) {
  ExperimentLines lines = random_lines();
  lines.more = "seeds: [1, 2]";
  const std::string experiment = file(lines);
  EXPECT_NE(expect(0, {"run", experiment, "--dry-run"}).out.find("seed 2: 37 training rows"),
            std::string::npos);
  EXPECT_EQ(files(), std::vector<std::string>{"experiment.yaml"});
  lines.data = "data: {type: csv, file: nowhere.csv, target: y}";
  expect_refused({"run", file(lines), "-n"}, {"nowhere.csv"});
}

TEST_F(Run, ProgressIsPlainLinesWithoutATerminalAndSilentWhenQuiet) {
  const ProcessResult plain = expect(0, {"run", file(random_lines()), "-o", "plain"});
  EXPECT_NE(plain.err.find("epoch 3/3  "), std::string::npos) << plain.err;
  EXPECT_EQ(plain.err.find('\r'), std::string::npos) << plain.err;
  EXPECT_EQ(expect(0, {"run", file(random_lines()), "-o", "quiet", "-q"}).err.find("epoch"),
            std::string::npos);
  EXPECT_NE(expect(0, {"run", file(random_lines()), "-o", "verbose", "-v"}).err.find("step 5  loss"),
            std::string::npos);
}

TEST_F(Run, ZeroEpochsKeepTheInitialWeights) {
  ExperimentLines lines;
  lines.train = "train: {epochs: 0, batch_size: 1000}";
  lines.model =
      "model: {input: [1], layers: [{type: dense, name: only, units: 1, init: {weight: [[0.5]], bias: "
      "[2]}}]}";
  expect(0, {"run", file(lines), "-o", "run"});
  const auto tensors = read_safetensors(folder_ / "run/weights.safetensors").tensors;
  EXPECT_EQ(to_doubles(tensors.at(0).tensor.view()), std::vector<double>{0.5});
  EXPECT_EQ(to_doubles(tensors.at(1).tensor.view()), std::vector<double>{2});
}

// Stopped by a signal: the step is finished, the record written, and the exit code is a shell's for an
// interrupt.
TEST_F(Run, AnInterruptKeepsTheRecord) {
  ExperimentLines lines = random_lines();
  lines.train = "train: {epochs: 1000000, batch_size: 8}";
  const std::string script = fmt::format(
      "'{}' run '{}' -o run -q & child=$!; while [ ! -s run/metrics.jsonl ]; do sleep 0.05; done; "
      "kill -INT $child; wait $child",
      assay_binary().string(), file(lines));
  // Background jobs of a shell ignore SIGINT unless it has job control.
  const ProcessResult result = run_process("/bin/sh", {"-mc", script}, {.folder = folder_.path()});
  EXPECT_EQ(result.exit_code, 130) << describe(result);
  EXPECT_EQ(json_of("run/summary.json").at("status"), "interrupted");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/weights.safetensors"));
}

}  // namespace
}  // namespace assay::test
