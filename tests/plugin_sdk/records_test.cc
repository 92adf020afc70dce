// What runs leave, where a plugin had a part in them: a run goes on, is made again, is compared and is one of
// a sweep as any other, and is not taken for one with another build of the plugin.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "plugin_sdk/sdk.h"

namespace assay::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PluginRecords : public PluginSdk {
 protected:
  PluginRecords() {
    for (const char* name : {"swish", "lion", "rings"})
      std::filesystem::copy(example(name), folder_ / (std::string(name) + ".so"));
  }

  // An activation, an optimizer and a data source, each from a plugin.
  static ExperimentLines lines() {
    ExperimentLines lines;
    lines.data = "data: {type: rings, count: 90}";
    lines.model =
        "model: {input: [2], layers: [{type: dense, name: hidden, units: 8}, swish, {type: dense, units: "
        "3}]}";
    lines.loss = "loss: {type: softmax_cross_entropy}";
    lines.optimizer = "optimizer: {type: lion, learning_rate: 0.01}";
    lines.train = "train: {epochs: 3, batch_size: 10}";
    lines.more = "plugins: [./swish.so, ./lion.so, ./rings.so]";
    return lines;
  }
  std::string experiment() const { return write("experiment.yaml", lines().text()); }

  // The same plugin by another build: bytes behind the end of the object change its hash and nothing else.
  void rebuild(const std::string& name) const {
    write(name + ".so", contents(folder_ / (name + ".so")) + "\n");
  }
};

TEST_F(PluginRecords, AnInterruptedRunGoesOn) {
  ExperimentLines longer = lines();
  longer.train = "train: {epochs: 400, batch_size: 10}";
  const std::string file = write("experiment.yaml", longer.text());
  expect_sdk(0, {"run", file, "-q", "-o", "whole"});
  const ProcessResult interrupted = run_process(
      "/bin/sh",
      {"-c",
       "\"$0\" run experiment.yaml -q -o run & child=$!\n"
       "until test -s run/metrics.jsonl || ! kill -0 $child; do sleep 0.01; done\n"
       "kill -TERM $child; wait $child",
       (kPrefix / "bin/assay").string()},
      {.folder = folder_.path(), .environment = {{"XDG_CACHE_HOME", (folder_ / "cache").string()}}});
  ASSERT_EQ(interrupted.exit_code, 130) << describe(interrupted);
  ASSERT_TRUE(std::filesystem::exists(folder_ / "run/checkpoints/latest"));
  EXPECT_THAT(expect_sdk(0, {"run", "--resume", "run"}).err, HasSubstr("resumed after step"));
  for (const char* name : {"metrics.jsonl", "weights.safetensors", "summary.json"})
    EXPECT_EQ(contents(folder_ / "run" / name), contents(folder_ / "whole" / name)) << name;
}

TEST_F(PluginRecords, ARunIsMadeAgain) {
  expect_sdk(0, {"run", experiment(), "-q", "-o", "run"});
  EXPECT_THAT(expect_sdk(0, {"reproduce", "run", "-q"}).out, HasSubstr("bit-identical"));
  rebuild("lion");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"reproduce", "run", "-q"}, {"run", "--resume", "run", "-q"}})
    EXPECT_THAT(expect_sdk(2, command).err,
                AllOf(HasSubstr("lion.so' is not the plugin that the experiment names"),
                      HasSubstr("named: 'lion' 1.0"), HasSubstr("found: 'lion' 1.0")));
}

TEST_F(PluginRecords, APluginOfTheCommandLineIsInTheRecord) {
  ExperimentLines unnamed = lines();
  unnamed.more = "";
  const std::string file = write("unnamed.yaml", unnamed.text());
  expect_sdk(0, {"run", file, "-q", "-o", "run", "--plugin", "./swish.so", "--plugin", "./lion.so"},
             {{"ASSAY_PLUGIN_PATH", (folder_ / "rings.so").string()}});
  expect_sdk(0, {"reproduce", "run", "-q"});
  expect_sdk(0, {"explain", "run/experiment.yaml"});
}

// Neither side needs what it was made with, and the two may have been made with versions of one plugin, which
// no registry could hold at once.
TEST_F(PluginRecords, RunsWithTwoBuildsOfAPluginAreCompared) {
  const std::string file = experiment();
  expect_sdk(0, {"run", file, "-q", "-o", "before"});
  rebuild("swish");
  expect_sdk(0, {"run", file, "-q", "-o", "after"});
  std::filesystem::create_directory(folder_ / "old");
  std::filesystem::rename(folder_ / "swish.so", folder_ / "old/swish.so");
  const auto found =
      nlohmann::json::parse(expect_sdk(1, {"diff", "before", "after", "--format", "json"}).out);
  ASSERT_EQ(found["configuration"].size(), 1u) << found;
  EXPECT_EQ(found["configuration"][0]["key"], "plugins[swish].sha256");
  ASSERT_EQ(found["environment"].size(), 1u) << found;
  EXPECT_EQ(found["metrics"].size(), 0u) << found;

  // Of files, too, each with the plugin that it names.
  ExperimentLines other = lines();
  other.more = "plugins: [./old/swish.so, ./lion.so, ./rings.so]";
  const std::string with_old = write("other.yaml", other.text());
  std::filesystem::copy(example("swish"), folder_ / "swish.so");
  EXPECT_THAT(expect_sdk(1, {"diff", file, with_old}).out, HasSubstr("plugins[swish].sha256"));
  EXPECT_EQ(expect_sdk(0, {"diff", "before", file}).out, "");
}

TEST_F(PluginRecords, ASweepRunsItsTrialsWithThePluginsOfItsExperiment) {
  experiment();
  const std::string head =
      "assay: 1\nname: rates\nexperiment: experiment.yaml\nobjective: {metric: train/loss, "
      "mode: min}\n";
  const std::string sweep =
      write("sweep.yaml", head + "parameters: {optimizer.learning_rate: [0.01, 0.02]}\n");
  const auto trials =
      nlohmann::json::parse(expect_sdk(0, {"sweep", sweep, "-q", "--format", "json"}).out)["trials"];
  ASSERT_EQ(trials.size(), 2u);
  for (const auto& trial : trials) {
    EXPECT_EQ(trial["status"], "done");
    const std::string run = "runs/rates/" + trial["trial"].get<std::string>();
    EXPECT_EQ(nlohmann::json::parse(contents(folder_ / (run + "/environment.json")))["plugins"].size(), 3u);
    EXPECT_THAT(expect_sdk(0, {"reproduce", run, "-q"}).out, HasSubstr("bit-identical"));
  }
  EXPECT_THAT(expect_sdk(0, {"sweep", sweep, "--dry-run"}).out, Not(HasSubstr("runs ")));

  rebuild("swish");
  EXPECT_THAT(expect_sdk(0, {"sweep", sweep, "--dry-run"}).out,
              AllOf(HasSubstr("changed: plugins[swish].sha256"), Not(HasSubstr("skipped"))));
  std::filesystem::remove(folder_ / "lion.so");
  EXPECT_THAT(expect_sdk(2, {"sweep", sweep, "--dry-run"}).err, HasSubstr("lion.so' is missing"));

  const std::string varied = write("varied.yaml", head + "parameters: {plugins: [[./swish.so], []]}\n");
  EXPECT_THAT(expect_sdk(2, {"sweep", varied, "--dry-run"}).err,
              AllOf(HasSubstr("does not change the plugins"), HasSubstr("varied.yaml:5:14")));
}

TEST_F(PluginRecords, ASweepHandsThePluginsOfItsCommandLineOn) {
  ExperimentLines unnamed = lines();
  unnamed.more = "";
  write("experiment.yaml", unnamed.text());
  const std::string sweep = write("sweep.yaml",
                                  "assay: 1\nname: rates\nexperiment: experiment.yaml\nobjective: {metric: "
                                  "train/loss, mode: min}\nparameters: {train.epochs: [1, 2]}\n");
  expect_sdk(0, {"sweep", sweep, "-q", "--plugin", "./swish.so", "--plugin", "lion"},
             {{"ASSAY_PLUGIN_PATH", folder_.path().string()}});
}

}  // namespace
}  // namespace assay::test
