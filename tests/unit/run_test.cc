// Runs: the same bytes twice, what a run folder holds, several seeds, expectations, weights in and out, and
// nothing left behind by a configuration that is wrong.
#include "assay/experiment/run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assay/data/safetensors.h"
#include "unit/experiment_files.h"

namespace assay {
namespace {

using Json = nlohmann::json;

// Everything that is random: initial values, data, splits, shuffling, dropout; and an uneven last batch.
std::string spirals(const std::string& backend, const std::string& more = "seed: 7\n") {
  return "assay: 1\nname: spirals\nbackend: {type: " + backend +
         ", threads: 2}\n"
         "data: {type: spirals, count: 50, split: {validation: 13}}\n"
         "model:\n  input: [2]\n  layers:\n"
         "    - {type: dense, name: hidden, units: 9, init: he_normal}\n    - {type: batch_norm, name: "
         "norm}\n"
         "    - {type: relu}\n    - {type: dropout, rate: 0.25}\n    - {type: dense, name: logits, units: "
         "2}\n"
         "loss: {type: softmax_cross_entropy}\noptimizer: {type: adam, learning_rate: 0.01}\n"
         "train: {epochs: 3, batch_size: 8}\n" +
         more;
}

class ExperimentRunTest : public ExperimentTest {
 protected:
  std::vector<Json> rows(const std::filesystem::path& file) {
    std::vector<Json> all;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
    return all;
  }
};

TEST_F(ExperimentRunTest, TheSameRunGivesTheSameBytesOnEveryBackend) {
  for (const std::string& backend : registry_.backends.names()) {
    const RunReport first = run(spirals(backend), backend + "1"),
                    second = run(spirals(backend), backend + "2");
    for (const char* file : {"weights.safetensors", "metrics.jsonl"})
      EXPECT_EQ(contents(first.folder / file), contents(second.folder / file)) << backend << " " << file;
    const RunReport other = run(spirals(backend, "seed: 8\n"), backend + "3");
    EXPECT_NE(contents(first.folder / "weights.safetensors"), contents(other.folder / "weights.safetensors"))
        << backend;
  }
}

TEST_F(ExperimentRunTest, TheRecordRunsAloneAndGivesTheSameWeights) {
  const RunReport first = run(spirals("reference"));
  const Experiment again = load_experiment(first.folder / "experiment.yaml", {}, registry_);
  RunObserver observer;
  const std::atomic<bool> stop{false};
  const RunReport second = run_experiment(again, registry_, folder_, folder_ / "again", observer, stop);
  EXPECT_EQ(contents(first.folder / "weights.safetensors"), contents(second.folder / "weights.safetensors"));
}

TEST_F(ExperimentRunTest, RecordsRowsEnvironmentAndWeights) {
  const RunReport report = run(spirals("reference"));
  int steps = 0;
  for (const Json& row : rows(report.folder / "metrics.jsonl")) {
    EXPECT_EQ(row.size(), 5u);
    EXPECT_EQ(row.at("seed"), 7);
    if (row.at("name") == "train/step_loss") {
      EXPECT_EQ(row.at("step"), ++steps);
    } else if (row.at("name") == "validation/loss") {
      EXPECT_EQ(row.at("step"), 5 * row.at("epoch").get<int>());
    }
  }
  EXPECT_EQ(steps, 15);
  const Json environment = Json::parse(contents(report.folder / "environment.json"));
  EXPECT_EQ(environment.at("data").at("train_rows"), 37);
  EXPECT_EQ(environment.at("data").at("validation_rows"), 13);
  EXPECT_FALSE(environment.at("placement").empty());
  std::vector<std::string> names;
  for (const NamedTensor& tensor : read_safetensors(report.folder / "weights.safetensors").tensors)
    names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"hidden.weight", "hidden.bias", "norm.weight", "norm.bias",
                                             "norm.running_mean", "norm.running_var", "logits.weight",
                                             "logits.bias"}));
}

TEST_F(ExperimentRunTest, AWrongConfigurationLeavesNothingBehind) {
  EXPECT_THROW(run(spirals("reference", "expect: {test/accuracy: {min: 1}}\n")), Error);
  EXPECT_THROW(run(spirals("reference", "metrics: [mean_absolute_error]\n")), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(ExperimentRunTest, ARunIsNotWrittenOverAnother) {
  run(spirals("reference"));
  EXPECT_THROW(run(spirals("reference")), Error);
}

TEST_F(ExperimentRunTest, SeveralSeedsHaveAMeanAndTheDeviationOfASample) {
  const RunReport report =
      run(spirals("reference", "seeds: [7, 8]\nexpect: {validation/loss: {max: 0.0}}\n"));
  ASSERT_EQ(report.seeds.size(), 2u);
  const double a = report.seeds[0].second.metrics.at("validation/loss");
  const double b = report.seeds[1].second.metrics.at("validation/loss");
  const double mean = (a + b) / 2;
  EXPECT_NE(a, b);
  EXPECT_EQ(report.metrics.at("validation/loss").mean, mean);
  EXPECT_EQ(report.metrics.at("validation/loss").deviation,
            std::sqrt((a - mean) * (a - mean) + (b - mean) * (b - mean)));
  ASSERT_EQ(report.verdicts.size(), 1u);
  EXPECT_EQ(report.verdicts[0].value, mean);
  EXPECT_FALSE(report.verdicts[0].met);
  // Each seed is the run that it would be alone.
  const RunReport alone = run(spirals("reference", "seed: 8\n"), "alone");
  EXPECT_EQ(contents(report.folder / "seed-8" / "weights.safetensors"),
            contents(alone.folder / "weights.safetensors"));
}

TEST_F(ExperimentRunTest, ExpectationsHaveTwoSides) {
  struct Row {
    const char* range;
    bool met;
  };
  // One step of ŷ = x on x = 2, y = 1: the loss is exactly ½.
  for (const Row& row :
       {Row{"{max: 0.5}", true}, Row{"{min: 0.5}", true}, Row{"{min: 0.5, max: 0.5}", true},
        Row{"{max: 0.49}", false}, Row{"{min: 0.51}", false}, Row{"{min: 0.6, max: 0.7}", false}}) {
    const RunReport report =
        run(std::string(
                "assay: 1\nname: half\ndata: {type: inline, x: [[2]], y: [[1]]}\n"
                "model: {input: [1], layers: [{type: dense, units: 1, init: {weight: [[1]], bias: [0]}}]}\n"
                "loss: half_squared_error\noptimizer: sgd\ntrain: {}\nexpect: {train/loss: ") +
                row.range + "}\n",
            row.range);
    EXPECT_EQ(report.verdicts.at(0).met, row.met) << row.range;
  }
}

TEST_F(ExperimentRunTest, WeightsComeBackFromTheirFile) {
  const RunReport first = run(spirals("reference"));
  const auto with_weights = [&](const std::string& file, const std::string& units = "9") {
    std::string text = spirals("reference");
    text.replace(text.find("epochs: 3"), 9, "epochs: 0");
    text.replace(text.find("units: 9"), 8, "units: " + units);
    return text.replace(text.find("  layers:"), 9, "  weights: " + file + "\n  layers:");
  };
  const std::string file = (first.folder / "weights.safetensors").string();
  const RunReport second = run(with_weights(file), "second");
  EXPECT_EQ(contents(first.folder / "weights.safetensors"), contents(second.folder / "weights.safetensors"));

  const std::string wrong_shape = error_of(with_weights(file, "4"));
  EXPECT_NE(wrong_shape.find("'hidden.weight' has shape [9, 2] in the weights, but [4, 2] in the model"),
            std::string::npos)
      << wrong_shape;
  std::vector<NamedTensor> tensors = read_safetensors(file).tensors;
  std::vector<NamedView> some;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == "norm.running_mean" || tensor.name == "hidden.bias") continue;
    some.push_back({tensor.name == "logits.bias" ? "logit.bias" : tensor.name, tensor.tensor.view()});
  }
  write_safetensors(folder_ / "some.safetensors", some);
  const std::string incomplete = error_of(with_weights((folder_ / "some.safetensors").string()));
  EXPECT_NE(incomplete.find("hidden.bias"), std::string::npos) << incomplete;
  EXPECT_NE(incomplete.find("'logit.bias'"), std::string::npos) << incomplete;
  EXPECT_NE(incomplete.find("'logits.bias'"), std::string::npos) << incomplete;
  EXPECT_EQ(incomplete.find("running_mean"), std::string::npos) << "a statistic may keep its default";
}

// A checkpoint holds adam's moments, too, which are no weights and not missed by another optimizer.
TEST_F(ExperimentRunTest, ACheckpointGivesItsWeights) {
  const RunReport first = run(spirals("reference", "checkpoint: {every: 1 epoch}\n"));
  const std::filesystem::path checkpoint = first.folder / "checkpoints" / "step-00000015.safetensors";
  std::string text = spirals("reference");
  text.replace(text.find("epochs: 3"), 9, "epochs: 0");
  text.replace(text.find("type: adam"), 10, "type: sgd");
  text.replace(text.find("  layers:"), 9, "  weights: " + checkpoint.string() + "\n  layers:");
  const RunReport second = run(text, "second");
  EXPECT_EQ(contents(first.folder / "weights.safetensors"), contents(second.folder / "weights.safetensors"));
}

TEST_F(ExperimentRunTest, KeepsTheLastCheckpointsAndTheBest) {
  // ŷ = w x with w ← −2 w: the first epoch is the best, and every later one worse.
  const RunReport report =
      run("assay: 1\nname: slope\ndata: {type: inline, x: [[1]], y: [[0]]}\n"
          "model: {input: [1], layers: [{type: dense, units: 1, bias: false, init: {weight: [[1]]}}]}\n"
          "loss: half_squared_error\noptimizer: {type: sgd, learning_rate: 3}\ntrain: {epochs: 5}\n"
          "checkpoint: {every: 1 epoch, keep_last: 2, keep_best: 1}\n");
  std::vector<std::string> kept;
  for (const auto& entry : std::filesystem::directory_iterator(report.folder / "checkpoints"))
    kept.push_back(entry.path().stem().string());
  std::ranges::sort(kept);
  EXPECT_EQ(kept, (std::vector<std::string>{"latest", "step-00000001", "step-00000004", "step-00000005"}));
}

}  // namespace
}  // namespace assay
