// assay reproduce: a record that gives the same bits again, and one that does not.
#include <nlohmann/json.hpp>

#include "assay/data/safetensors.h"
#include "cli/command_line.h"

namespace assay::test {
namespace {

class ReproduceRun : public CommandLine {
 protected:
  ReproduceRun() { write("small.yaml", ExperimentLines{}.text()); }
  void run(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"run", "small.yaml", "-q", "-o", "run"});
    expect(0, more);
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
  std::string metrics = contents(folder_ / "run/metrics.jsonl");
  const auto second = metrics.find("\"value\":", metrics.find('\n')) + 8;
  metrics.replace(second, metrics.find('}', second) - second, "0.125");
  write("run/metrics.jsonl", metrics);
  SafeTensors weights = read_safetensors(folder_ / "run/weights.safetensors");
  std::vector<NamedView> views;
  for (NamedTensor& tensor : weights.tensors) {
    if (tensor.name == "only.weight") {
      float& weight = tensor.tensor.as<float>()[0];
      weight = std::nextafter(std::nextafter(weight, 9.0f), 9.0f);
    }
    views.push_back({tensor.name, tensor.tensor.view()});
  }
  write_safetensors(folder_ / "run/weights.safetensors", views);
  std::string environment = contents(folder_ / "run/environment.json");
  environment.replace(environment.find("\"threads\": ") + 11, 1, "77");
  write("run/environment.json", environment);

  const nlohmann::json found = reproduce(1);
  EXPECT_EQ(found["identical"], false);
  EXPECT_EQ(found["seeds"][0]["first_measurement"]["step"], 2);
  EXPECT_EQ(found["seeds"][0]["first_measurement"]["name"], "train/step_loss");
  EXPECT_EQ(
      found["seeds"][0]["tensors_that_differ"],
      nlohmann::json::parse(
          R"([{"tensor": "only.weight", "index": [0, 0], "differing": 1, "elements": 1, "most_ulps": 2}])"));
  ASSERT_EQ(found["environment"].size(), 1u) << found;
  EXPECT_EQ(found["environment"][0]["key"], "threads");
  const std::string text = expect(1, {"reproduce", "run"}).out;
  for (const char* part : {"step 2, epoch 0, train/step_loss: 0.125 in the record", "only.weight", "2 ulp"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

// A state that no loss has shown yet.
TEST_F(ReproduceRun, NamesTheStepAtWhichTheWeightsWereOthers) {
  run();
  std::string metrics = contents(folder_ / "run/metrics.jsonl");
  const auto hash = metrics.find("\"train/weights_hash\",\"value\":");
  ASSERT_NE(hash, std::string::npos) << metrics;
  const auto value = metrics.find("value\":", hash) + 7;
  metrics.replace(value, metrics.find('}', value) - value, "1");
  write("run/metrics.jsonl", metrics);
  const std::string text = expect(1, {"reproduce", "run"}).out;
  EXPECT_NE(text.find("the weights after step 2, epoch 1 are not the same"), std::string::npos) << text;
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
