// assay bench as its user sees it. No time is judged.
#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace assay::test {
namespace {

class BenchCommand : public CommandLine {
 protected:
  BenchCommand() : small_(write("small.yaml", ExperimentLines{}.text())) {}

  std::string small_;
};

TEST_F(BenchCommand, EveryFileWithEveryBackendAndThreads) {
  const ProcessResult result = expect(0, {"bench", small_, small_, "--backend", "reference,eigen",
                                          "--threads", "1,2", "--rounds", "2", "--format", "json"});
  const auto json = nlohmann::json::parse(result.out);
  std::vector<std::string> found;
  for (const auto& m : json["measurements"])
    found.push_back(m["backend"].get<std::string>() + " " + m["facts"]["threads"].dump());
  EXPECT_EQ(found, (std::vector<std::string>{"reference 1", "reference 2", "eigen 1", "eigen 2",
                                             "reference 1", "reference 2", "eigen 1", "eigen 2"}));
  EXPECT_NE(result.err.find("next: assay bench"), std::string::npos) << result.err;
}

TEST_F(BenchCommand, TablesForPeople) {
  const std::string text =
      expect(0, {"bench", small_, "--backend", "reference,eigen", "--rounds", "2", "--profile"}).out;
  for (const char* part : {"samples/s", "GFLOP/s", "time against the first", "values and state",
                           "peak resident", "allocations", "op by op", "half_squared_error"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST_F(BenchCommand, ThreadsOfTheLibrariesAreThoseAskedFor) {
  const ProcessResult result = expect(
      0, {"bench", small_, "--backend", "openmp", "--threads", "2,1", "--rounds", "1", "--format", "json"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_NE(json["measurements"][0]["facts"]["description"].get<std::string>().find("2 threads"),
            std::string::npos);
}

TEST_F(BenchCommand, ComparesWithAnEarlierReport) {
  const std::vector<std::string> words{"bench", small_, "--rounds", "3"};
  std::vector<std::string> json = words, compare = words;
  json.insert(json.end(), {"--format", "json"});
  const std::string base = write("base.json", expect(0, json).out);
  compare.insert(compare.end(), {"--compare", base});
  // Three rounds against three: no p is below 2/20.
  EXPECT_NE(expect(0, compare).out.find("no more than noise"), std::string::npos);
  compare.insert(compare.end(), {"--set", "name=another"});
  EXPECT_NE(expect(0, compare).out.find("not in the base"), std::string::npos);
}

TEST_F(BenchCommand, WhatCannotBeMeasuredIsRefused) {
  const std::string broken = write("broken.yaml", "assay: 1\nname: [");
  const std::string text = write("text.json", "{\"format\": \"other\"}");
  expect_refused({"bench"}, {"'FILE' is missing"});
  expect_refused({"bench", "nowhere.yaml"}, {"nowhere.yaml", "no such file"});
  expect_refused({"bench", small_, broken}, {"broken.yaml"});
  expect_refused({"bench", small_, "--backend", "reference,eigne"}, {"unknown backend 'eigne'", "'eigen'"});
  expect_refused({"bench", small_, "--backend", ","}, {"'--backend' wants names"});
  for (const std::string threads : {"0", "1,0", "-1", "1.5", "two", "1025", ","})
    expect_refused({"bench", small_, "--threads", threads}, {"'--threads' wants integers"});
  expect_refused({"bench", small_, "--rounds", "0"}, {"'--rounds' wants an integer in [1, "});
  expect_refused({"bench", small_, "--compare", "nowhere.json"},
                 {"'nowhere.json' is not there", "bench FILE --format json"});
  expect_refused({"bench", small_, "--compare", text}, {"is no report of assay bench"});
  // What shows only when data and model meet is found in the process that is measured.
  expect_refused({"bench", small_, "--set", "model.input=[2]"}, {"the model's input is [2]"});
}

}  // namespace
}  // namespace assay::test
