// assay reproduce: a record that gives the same bits again, and one that does not.
#include <nlohmann/json.hpp>

#include "assay/data/safetensors.h"
#include "assay/experiment/checkpoint.h"
#include "cli/command_line.h"
#include "support/requirement.h"

namespace assay::test {
namespace {

class ReproduceRun : public CommandLine {
 protected:
  ReproduceRun() { write("small.yaml", ExperimentLines{}.text()); }
  void run(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"run", "small.yaml", "-q", "-o", "run"});
    expect(0, more);
  }
  // Gives the n-th row of that name (from 1) another value.
  void set_value(const std::string& name, int nth, const std::string& value) const {
    std::string metrics = contents(folder_ / "run/metrics.jsonl");
    std::size_t row = 0;
    for (int i = 0; i < nth; ++i) row = metrics.find("\"name\":\"" + name + "\"", row + 1);
    ASSERT_NE(row, std::string::npos) << metrics;
    const auto begin = metrics.find("\"value\":", row) + 8;
    metrics.replace(begin, metrics.find('}', begin) - begin, value);
    write("run/metrics.jsonl", metrics);
  }
  // Two ulps more in the tensor's first element.
  void write_changed(const std::string& file, const std::string& tensor) const {
    SafeTensors weights = read_safetensors(folder_ / file);
    std::vector<NamedView> views;
    for (NamedTensor& one : weights.tensors) {
      if (one.name == tensor) {
        float& weight = one.tensor.as<float>()[0];
        weight = std::nextafter(std::nextafter(weight, 9.0f), 9.0f);
      }
      views.push_back({one.name, one.tensor.view()});
    }
    write_safetensors(folder_ / file, views);
  }
  nlohmann::json reproduce(int exit_code) const {
    return nlohmann::json::parse(expect(exit_code, {"reproduce", "run", "--format", "json"}).out);
  }
};

TEST_F(ReproduceRun, TheSameBitsOnEveryBackend) {
  for (const std::string backend : {"reference", "eigen", "openmp"}) {
    std::filesystem::remove_all(folder_ / "run");
    run({"--backend", backend});
    const ProcessResult result = expect(0, {"reproduce", "run"});
    EXPECT_NE(result.out.find("seed 0: bit-identical: "), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("environment"), std::string::npos) << result.out;
  }
}

TEST_F(ReproduceRun, EverySeed) {
  run({"-s", "seeds=[3, 4]"});
  const nlohmann::json found = reproduce(0);
  EXPECT_EQ(found["identical"], true);
  EXPECT_EQ(found["seeds"].size(), 2u);
  EXPECT_EQ(found["environment"].size(), 0u);
}

// Another number in the record, as another machine would have left it.
TEST_F(ReproduceRun, NamesTheFirstStepAndTheTensor) {
  run();
  set_value("train/step_loss", 2, "0.125");
  write_changed("run/weights.safetensors", "only.weight");
  std::string environment = contents(folder_ / "run/environment.json");
  environment.replace(environment.find("\"threads\": ") + 11, 1, "77");
  write("run/environment.json", environment);

  const nlohmann::json found = reproduce(1);
  EXPECT_EQ(found["identical"], false);
  EXPECT_EQ(found["seeds"][0]["first_measurement"]["step"], 2);
  EXPECT_EQ(found["seeds"][0]["first_measurement"]["name"], "train/step_loss");
  EXPECT_EQ(found["seeds"][0]["parted_in_steps"], nlohmann::json({1, 2}));
  EXPECT_EQ(
      found["seeds"][0]["tensors_that_differ"],
      nlohmann::json::parse(
          R"([{"tensor": "only.weight", "index": [0, 0], "differing": 1, "elements": 1, "most_ulps": 2}])"));
  ASSERT_EQ(found["environment"].size(), 1u) << found;
  EXPECT_EQ(found["environment"][0]["key"], "threads");
  const std::string text = expect(1, {"reproduce", "run"}).out;
  for (const char* part : {"parted in one of the steps 1 to 2",
                           "step 2, epoch 0, train/step_loss: 0.125 in the record", "only.weight", "2 ulp"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

// A state that no loss has shown yet.
TEST_F(ReproduceRun, NamesTheTensorWhoseHashWasAnother) {
  run();
  set_value("train/weights_hash", 2, "1");
  set_value("train/weights_hash/only.bias", 2, "1");
  std::string text = expect(1, {"reproduce", "run"}).out;
  EXPECT_NE(text.find("parted in one of the steps 1 to 2"), std::string::npos) << text;
  EXPECT_NE(text.find("after step 2, epoch 1: only.bias (all the same after step 0)"), std::string::npos)
      << text;
  // From the beginning: the initial weights.
  set_value("train/weights_hash/only.weight", 1, "1");
  text = expect(1, {"reproduce", "run"}).out;
  EXPECT_NE(text.find("parted before the first step"), std::string::npos) << text;
  EXPECT_NE(text.find("after step 0, epoch 0: only.weight\n"), std::string::npos) << text;
}

// Where numbers are stored, how far they are apart is told, of the optimizer's states too.
TEST_F(ReproduceRun, CountsUlpsInTheFirstCheckpointThatDiffers) {
  run({"-s", "checkpoint={every: 1 steps, keep_last: 9}", "-s", "optimizer.momentum=0.5"});
  EXPECT_NE(expect(0, {"reproduce", "run"}).out.find("4 checkpoints"), std::string::npos);
  const std::filesystem::path path = folder_ / "run/checkpoints/step-00000003.safetensors";
  Checkpoint checkpoint = read_checkpoint(path);
  for (NamedTensor& state : checkpoint.states) {
    float& value = state.tensor.as<float>()[0];
    if (state.name.starts_with("optimizer/")) value = std::nextafter(value, 9.0f);
  }
  write_checkpoint(path, CheckpointView(checkpoint));
  const nlohmann::json found = reproduce(1)["seeds"][0];
  EXPECT_EQ(found["checkpoints"], 3) << "those behind it are not looked at";
  EXPECT_EQ(found["first_checkpoint"]["step"], 3);
  EXPECT_EQ(found["first_checkpoint"]["states_that_differ"].size(), 2u) << found;
  EXPECT_EQ(found["first_checkpoint"]["states_that_differ"][0]["most_ulps"], 1);
}

// The others are compared, and what could not be is no equality.
TEST_F(ReproduceRun, NamesADamagedCheckpointAndGoesOn) {
  run({"-s", "checkpoint={every: 1 steps, keep_last: 9}"});
  std::filesystem::resize_file(folder_ / "run/checkpoints/step-00000002.safetensors", 100);
  const nlohmann::json found = reproduce(1)["seeds"][0];
  EXPECT_EQ(found["checkpoints"], 3);
  EXPECT_EQ(found["damaged_checkpoints"].size(), 1u);
  EXPECT_EQ(found["damaged_checkpoints"][0]["step"], 2);
  EXPECT_TRUE(found["tensors_that_differ"].empty()) << found;
  EXPECT_NE(expect(1, {"reproduce", "run"}).out.find("the checkpoint of step 2 was not compared"),
            std::string::npos);
}

// The same bits from another commit are the same bits, and both are said.
TEST_F(ReproduceRun, AnotherStateOfTheRepositoryIsShownAndIsNoOtherResult) {
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-c", "user.name=a", "-c", "user.email=a@b"});
    const ProcessResult result = run_process("/usr/bin/git", words, {.folder = folder_ / "project"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  };
  ASSAY_NEEDS(std::filesystem::exists("/usr/bin/git"), "git");
  const std::string experiment = write("project/small.yaml", ExperimentLines{}.text());
  git({"init", "--quiet"});
  git({"add", "."});
  git({"commit", "--quiet", "-m", "first"});
  expect(0, {"run", experiment, "-q", "-o", "run"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/git.patch"));
  EXPECT_EQ(reproduce(0)["git"], nlohmann::json::array());

  write("project/small.yaml", "# changed\n" + ExperimentLines{}.text());
  expect(0, {"run", experiment, "-q", "-o", "later"});
  EXPECT_NE(contents(folder_ / "later/git.patch").find("+# changed"), std::string::npos);
  const nlohmann::json found = reproduce(0);
  EXPECT_EQ(found["identical"], true);
  EXPECT_EQ(found["git"][0]["key"], "dirty");
  const std::string text = expect(0, {"diff", "run", "later"}).out;
  for (const char* part : {"git", "dirty", "patch.xxh3"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(ReproduceRun, WhatIsNoWholeRecordIsRefused) {
  run();
  expect_refused({"reproduce", "nowhere"}, {"'nowhere' holds no run", "no such folder"});
  std::filesystem::remove(folder_ / "run/summary.json");
  expect_refused({"reproduce", "run"}, {"is unfinished", "assay run --resume run"});
  std::filesystem::remove(folder_ / "run/experiment.yaml");
  expect_refused({"reproduce", "run"}, {"'run' holds no run"});
}

}  // namespace
}  // namespace assay::test
