// What is said about the records that runs leave: assay list runs and assay diff.
#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace assay::test {
namespace {

class Records : public CommandLine {
 protected:
  Records() : small_(write("small.yaml", ExperimentLines{}.text())) {}

  void run(const std::string& folder, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"run", small_, "-q", "-o", folder};
    words.insert(words.end(), more.begin(), more.end());
    expect(0, words);
  }
  nlohmann::json json(int exit_code, std::vector<std::string> words) const {
    words.insert(words.end(), {"--format", "json"});
    return nlohmann::json::parse(expect(exit_code, words).out);
  }

  std::string small_;
};

TEST_F(Records, EveryRunIsListedWithItsStatusAndMetrics) {
  EXPECT_EQ(json(0, {"list", "runs"}), nlohmann::json::array());
  run("runs/small/a");
  run("runs/b", {"--set", "expect.train/loss.max=100"});
  // Killed before its end, and a summary that was cut.
  std::filesystem::create_directories(folder_ / "runs/small/killed");
  std::filesystem::copy(folder_ / "runs/b/experiment.yaml", folder_ / "runs/small/killed");
  std::filesystem::copy(folder_ / "runs/b", folder_ / "runs/small/cut");
  write("runs/small/cut/summary.json", "{\"status\": \"fin");
  write("runs/small/notes/text", "no run");
  std::map<std::string, std::string> status;
  for (const auto& run : json(0, {"list", "runs"})) {
    EXPECT_EQ(run["name"], "small");
    EXPECT_GE(run["age_seconds"], 0);
    status[run["folder"]] = run["status"];
    EXPECT_EQ(run["metrics"].contains("train/loss"), run["status"] == "finished") << run;
  }
  EXPECT_EQ(status, (std::map<std::string, std::string>{{"runs/b", "finished"},
                                                        {"runs/small/a", "finished"},
                                                        {"runs/small/cut", "unreadable"},
                                                        {"runs/small/killed", "unfinished"}}));
  EXPECT_EQ(json(0, {"list", "runs", "small", "-o", "runs/small"}).size(), 3u);
  const std::string text = expect(0, {"list", "runs"}).out;
  for (const char* part : {"unfinished", "train/loss", "runs/small/a"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(Records, WhatIsNotThereIsSaid) {
  run("runs/small/a");
  EXPECT_NE(expect(5, {"list", "runs", "smal"}).err.find("'small'"), std::string::npos);
  expect_refused({"list", "runs", "-o", "nowhere"}, {"no folder 'nowhere'"});
  expect_refused({"list", "layers", "-o", "runs"}, {"'--run-dir' belongs to 'assay list runs'"});
  expect_refused({"diff", small_}, {"'B' is missing"});
  expect_refused({"diff", small_, "nowhere.yaml"}, {"nowhere.yaml"});
  expect_refused({"diff", "runs/small/a", "runs/small"}, {"'runs/small' holds no run", "experiment.yaml"});
}

TEST_F(Records, TheSameTwiceDoesNotDiffer) {
  run("a");
  run("b");
  EXPECT_EQ(expect(0, {"diff", "a", "b"}).out, "");
  EXPECT_EQ(expect(0, {"diff", small_, small_}).out, "");
  EXPECT_EQ(expect(0, {"diff", "a", small_}).out, "");
  // The same configuration, written differently.
  ExperimentLines lines;
  lines.optimizer = "optimizer:\n  learning_rate: 1.0e-1  # the default of nobody\n  type: 'sgd'";
  EXPECT_EQ(expect(0, {"diff", small_, write("same.yaml", lines.text())}).out, "");
}

TEST_F(Records, OnlyWhatDiffersIsShown) {
  run("a");
  run("b", {"--set", "optimizer.learning_rate=0.2", "--set", "model.layers[only].bias=false"});
  const auto found = json(1, {"diff", "a", "b"});
  EXPECT_EQ(found["configuration"],
            nlohmann::json::parse(R"([{"key": "model.layers[only].bias", "a": null, "b": "false"},
                                      {"key": "optimizer.learning_rate", "a": "0.1", "b": "0.2"}])"));
  std::vector<std::string> metrics;
  for (const auto& metric : found["metrics"]) metrics.push_back(metric["key"]);
  EXPECT_NE(std::ranges::find(metrics, "train/loss"), metrics.end()) << found;
  const std::string text = expect(1, {"diff", "a", "b"}).out;
  EXPECT_NE(text.find("optimizer.learning_rate"), std::string::npos) << text;
  EXPECT_EQ(text.find("batch_size"), std::string::npos) << text;
}

TEST_F(Records, AnotherBackendShowsInTheEnvironment) {
  run("a");
  run("b", {"--backend", "eigen"});
  const std::string text = expect(1, {"diff", "a", "b"}).out;
  for (const char* part : {"backend.type", "backends", "placement[only "})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace
}  // namespace assay::test
