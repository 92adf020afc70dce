// assay verify as its user meets it: exit codes, selections, reports for machines, what is kept between runs.
#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace assay::test {
namespace {

class Verify : public CommandLine {
 protected:
  Verify() { experiment_ = write("small.yaml", ExperimentLines().text()); }

  /// With a cache directory of the test's own.
  ProcessResult verify(int exit_code, std::vector<std::string> words) const {
    words.insert(words.begin(), "verify");
    words.emplace_back("--quiet");
    const ProcessResult result =
        assay(words, {.folder = {}, .environment = {{"XDG_CACHE_HOME", (folder_ / "cache").string()}}});
    EXPECT_EQ(result.exit_code, exit_code) << joined(words) << "\n" << describe(result);
    return result;
  }

  std::string experiment_;
};

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Verify, AnExperimentPassesAndSaysWhatRan) {
  const ProcessResult result = verify(0, {experiment_});
  EXPECT_TRUE(says(result.out, "No op of any backend is beyond its bound")) << result.out;
  EXPECT_TRUE(says(result.out, " 0 failed")) << result.out;
}

TEST_F(Verify, WantsSomethingToVerify) {
  expect_refused({"verify"}, {"what is to be verified?", "--ops", "--graphs"});
}

TEST_F(Verify, WhatItWouldNotLookAtIsRefused) {
  expect_refused({"verify", "--ops", "--graphs", "3"}, {"--ops and --graphs are verified one at a time"});
  expect_refused({"verify", "--ops", experiment_}, {"--ops takes no experiment"});
  expect_refused({"verify", "--ops", "--exhaustive"},
                 {"--exhaustive says nothing to 'assay verify --ops'", "it is for --contracts"});
  expect_refused({"verify", experiment_, "--against", "trace.npz", "--tier", "full"},
                 {"--tier says nothing to 'assay verify --against'"});
  expect_refused({"verify", "--contracts", "--seed", "3"}, {"--seed says nothing"});
}

TEST_F(Verify, ASelectionOfNothingExitsWith5) {
  EXPECT_TRUE(says(verify(5, {experiment_, "-k", "no_such_check"}).err, "nothing was checked"));
  EXPECT_TRUE(
      says(verify(5, {"--ops", "--tier", "smoke", "-k", "no_such_check"}).err, "nothing was checked"));
}

TEST_F(Verify, AMalformedSelectionIsAUsageError) {
  EXPECT_TRUE(says(verify(2, {experiment_, "-k", "conv2d and"}).err, "a word is missing"));
  EXPECT_TRUE(says(verify(2, {experiment_, "--dtype", "i32"}).err, "dtypes: f32, f64"));
  EXPECT_TRUE(says(verify(2, {experiment_, "--backend", "eigne"}).err, "eigen"));
}

TEST_F(Verify, ReportsForMachinesAgree) {
  const ProcessResult result = verify(
      0, {experiment_, "--format", "json", "--junit", (folder_ / "junit.xml").string(), "-k", "reference"});
  const nlohmann::json document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["failed"], 0);
  ASSERT_GT(document["checks"].size(), 0U);
  std::string xml = contents(folder_ / "junit.xml");
  for (const auto& check : document["checks"]) {
    EXPECT_TRUE(says(check["id"], "reference") || check["status"] == "skipped") << check;
    EXPECT_TRUE(says(xml, "name=\"" + check["id"].get<std::string>() + "\"")) << check["id"];
  }
}

// Before anything is verified, which may take minutes.
TEST_F(Verify, AReportThatCannotBeWrittenIsRefused) {
  const std::string nowhere = (folder_ / "nowhere" / "junit.xml").string();
  const ProcessResult result = verify(2, {experiment_, "--junit", nowhere});
  EXPECT_TRUE(says(result.err, "there is no folder")) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(Verify, AnIdSelectsItsCheckAlone) {
  const nlohmann::json all = nlohmann::json::parse(verify(0, {experiment_, "--format", "json"}).out);
  const std::string id = all["checks"][0]["id"];
  const nlohmann::json one =
      nlohmann::json::parse(verify(0, {experiment_, "--format", "json", "-k", "=" + id}).out);
  EXPECT_EQ(one["passed"], 1);
}

TEST_F(Verify, LastFailedRunsThoseAlone) {
  EXPECT_TRUE(says(verify(5, {experiment_, "--last-failed"}).err, "nothing is known of a last run"));
  const nlohmann::json all = nlohmann::json::parse(verify(0, {experiment_, "--format", "json"}).out);
  EXPECT_TRUE(says(verify(5, {experiment_, "--last-failed"}).err, "nothing failed in the last run"));
  EXPECT_TRUE(says(verify(5, {"--ops", "--last-failed"}).err, "nothing is known of a last run"));

  // As if two had failed.
  const std::string first = all["checks"][0]["id"], second = all["checks"][1]["id"];
  const std::string key = std::filesystem::canonical(experiment_).string();
  write("cache/assay/last_failed", key + "\n" + first + "\n" + second + "\n");
  const nlohmann::json again =
      nlohmann::json::parse(verify(0, {experiment_, "--last-failed", "--format", "json"}).out);
  EXPECT_EQ(again["passed"], 2);
  EXPECT_EQ(contents(folder_ / "cache/assay/last_failed"), key + "\n");
}

TEST_F(Verify, AForeignTraceIsJudged) {
  const std::string trace = (folder_ / "trace.npz").string();
  expect(0, {"trace", experiment_, "-o", trace});
  const ProcessResult good = verify(0, {experiment_, "--against", trace});
  EXPECT_TRUE(says(good.out, "No tensor parts")) << good.out;

  // The trace of other parameters is that of another experiment: they are named, and nothing else, for the
  // rest follows from them.
  expect(0, {"trace", experiment_, "--seed", "5", "-o", trace});
  const ProcessResult bad = verify(1, {experiment_, "--against", trace});
  EXPECT_TRUE(says(bad.out, "First tensor that parts: V only.weight")) << bad.out;
  EXPECT_TRUE(says(bad.out, "2 failed")) << bad.out;
  EXPECT_TRUE(says(bad.out, "reproduce: assay verify " + experiment_)) << bad.out;

  expect(0, {"trace", source_file("experiments/seed/worked_example.yaml").string(), "-o", trace});
  EXPECT_TRUE(says(verify(2, {experiment_, "--against", trace}).err, "the experiment has no tensor"));
  EXPECT_TRUE(says(verify(2, {experiment_, "--against", "nowhere.npz"}).err, "nowhere.npz"));
}

TEST_F(Verify, RandomModelsAreTheSameForASeed) {
  const std::vector<std::string> words{"--graphs", "5", "--seed", "3", "--format", "json"};
  const std::string first = verify(0, words).out;
  EXPECT_EQ(verify(0, words).out, first);
  EXPECT_EQ(nlohmann::json::parse(first)["passed"], 5);
  EXPECT_TRUE(says(verify(5, {"--graphs", "2", "-k", "no_such_check"}).err, "nothing was checked"));
}

}  // namespace
}  // namespace assay::test
