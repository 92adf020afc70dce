// What assay bench rests on: its statistics, against values worked out on paper, its counts of work, its
// report, and the process that is measured. No time is judged.
#include "assay/bench/bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>

#include "assay/bench/record.h"
#include "assay/bench/statistics.h"
#include "assay/bench/worker.h"
#include "assay/core/error.h"
#include "support/temporary_directory.h"
#include "unit/experiment_files.h"

namespace assay::bench {
namespace {

using Values = std::vector<double>;
using ::testing::HasSubstr;

TEST(BenchStatistics, QuartilesLieBetweenOrderStatistics) {
  const Summary five = summarize(Values{5, 1, 4, 2, 3});
  EXPECT_EQ(five.minimum, 1);
  EXPECT_EQ(five.lower_quartile, 2);
  EXPECT_EQ(five.median, 3);
  EXPECT_EQ(five.upper_quartile, 4);
  const Summary four = summarize(Values{8, 2, 4, 6});
  EXPECT_EQ(four.lower_quartile, 3.5);
  EXPECT_EQ(four.median, 5);
  EXPECT_EQ(four.upper_quartile, 6.5);
  const Summary one = summarize(Values{7});
  EXPECT_EQ(one.lower_quartile, 7);
  EXPECT_EQ(one.upper_quartile, 7);
}

// Of 10 values: 2 (1 + 10) / 1024 miss the 2nd to the 9th, 2 (1 + 10 + 45) / 1024 the 3rd to the 8th.
TEST(BenchStatistics, TheMediansIntervalIsThatOfTheSignTest) {
  const Values ten{10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  const Interval ninety_five = median_interval(ten, 0.95);
  EXPECT_EQ(ninety_five.low, 2);
  EXPECT_EQ(ninety_five.high, 9);
  EXPECT_EQ(ninety_five.coverage, 1 - 22.0 / 1024);
  const Interval less = median_interval(ten, 0.85);
  EXPECT_EQ(less.low, 3);
  EXPECT_EQ(less.high, 8);
  EXPECT_EQ(less.coverage, 1 - 112.0 / 1024);
}

TEST(BenchStatistics, TooFewValuesSaySo) {
  const Interval three = median_interval(Values{1, 2, 3}, 0.95);
  EXPECT_EQ(three.low, 1);
  EXPECT_EQ(three.high, 3);
  EXPECT_EQ(three.coverage, 0.75);
  EXPECT_EQ(median_interval(Values{1}, 0.95).coverage, 0);
}

struct Samples {
  Values x, y;
  double u;
  double as_far, of;  // p = as_far / of: divisions of the values whose U is as far from its mean
};

// All divisions of the values into samples of these sizes are equally likely: of C(6, 3) = 20, one has U = 0
// and one U = 9; and so on, each counted by hand.
TEST(BenchStatistics, TheUTestCountsDivisions) {
  const Samples all[] = {
      {{1, 2, 3}, {4, 5, 6}, 0, 2, 20},
      {{4, 5, 6}, {1, 2, 3}, 9, 2, 20},
      {{1, 2, 4}, {3, 5, 6}, 1, 4, 20},
      {{1, 4, 5}, {2, 3, 6}, 4, 20, 20},
      {{1}, {2}, 0, 2, 2},
      {{1}, {2, 3, 4}, 0, 2, 4},
      {{1, 2}, {3, 4, 5, 6}, 0, 2, 15},
      {{1, 3}, {2, 4, 5, 6}, 1, 4, 15},
      // Ranks 1, 2½, 2½, 4: of the six pairs {1, 2½} twice, {1, 4}, {2½, 2½}, {2½, 4} twice.
      {{1, 2}, {2, 3}, 0.5, 4, 6},
      {{1, 3}, {2, 2}, 2, 6, 6},
      {{2, 2}, {2, 2}, 2, 6, 6},
      {{1, 1}, {2, 2}, 0, 2, 6},
  };
  for (const Samples& s : all) {
    const MannWhitney test = mann_whitney(s.x, s.y);
    const std::string label = ::testing::PrintToString(s.x) + " " + ::testing::PrintToString(s.y);
    EXPECT_EQ(test.u, s.u) << label;
    EXPECT_EQ(test.p, s.as_far / s.of) << label;
  }
}

// Beyond the sizes that are counted out: the normal distribution with U's mean and variance, half a step
// nearer.
TEST(BenchStatistics, TheUTestOfManyValuesIsNormal) {
  Values x, y;
  for (int i = 0; i < 60; ++i) {
    x.push_back(i);
    y.push_back(100 + i);
  }
  EXPECT_EQ(mann_whitney(x, y).u, 0);
  // In a variable, so that both values come from one library and neither from the compiler.
  double variance = 60.0 * 60 / 12 * 121;
  EXPECT_EQ(mann_whitney(x, y).p, std::erfc((1800 - 0.5) / std::sqrt(2 * variance)));
  // 90 ones and 30 twos: 60 · 30 pairs are equal.
  Values ones(60, 1.0), mixed(30, 1.0);
  mixed.resize(60, 2.0);
  const double ties = (90.0 * 90 * 90 - 90) + (30.0 * 30 * 30 - 30);
  variance = 60.0 * 60 / 12 * (121 - ties / (120.0 * 119));
  EXPECT_EQ(mann_whitney(ones, mixed).u, 900);
  EXPECT_EQ(mann_whitney(ones, mixed).p, std::erfc((900 - 0.5) / std::sqrt(2 * variance)));
  EXPECT_EQ(mann_whitney(ones, ones).p, 1);
}

TEST(BenchWorker, AnswersErrorsWithTheirPlaces) {
  Worker worker([] {
    return [](const std::string& request) -> std::string {
      if (request == "fail") throw Error("no").help("say yes").at({"file.yaml", 3, 4, 5, "text"}, "here");
      if (request == "crash") std::raise(SIGKILL);
      return request + request;
    };
  });
  EXPECT_EQ(worker.ask("ab"), "abab");
  EXPECT_EQ(worker.ask(std::string(100000, '\n')).size(), 200000u);
  try {
    worker.ask("fail");
    FAIL();
  } catch (const Error& error) {
    const Diagnostic& d = error.diagnostics().front();
    EXPECT_EQ(d.message, "no");
    EXPECT_EQ(d.help, std::vector<std::string>{"say yes"});
    EXPECT_EQ(d.label, "here");
    EXPECT_EQ(d.where->line, 3);
  }
  EXPECT_EQ(worker.ask("c"), "cc") << "an error does not end it";
  try {
    worker.ask("crash");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("killed by signal 9"));
  }
}

class Bench : public ::testing::Test {
 protected:
  Bench() { register_builtin(registry_); }

  Experiment experiment(const std::string& model, const std::string& shape) {
    return load_experiment(folder_.file("bench.yaml", fmt::format(R"(assay: 1
name: bench
backend: {{type: reference}}
data: {{type: synthetic, count: 5, shape: {}, classes: 3}}
model: {}
loss: {{type: softmax_cross_entropy}}
optimizer: {{type: sgd}}
train: {{batch_size: 4}}
)",
                                                                  shape, model)),
                           {}, registry_);
  }

  Registry registry_;
  test::TemporaryDirectory folder_;
};

// Forward and the gradient of the weight of both layers, the gradient of the input of the second.
TEST_F(Bench, CountsTheMultiplyAddsOfMatrixProducts) {
  Subject subject(
      experiment("{input: [7], layers: [{type: dense, units: 6}, relu, {type: dense, units: 3}]}", "[7]"),
      registry_);
  EXPECT_EQ(subject.facts().multiply_adds, 4 * (2 * 7 * 6 + 3 * 6 * 3));
  EXPECT_EQ(subject.facts().rows, 4);
  EXPECT_EQ(subject.facts().parameters, 7 * 6 + 6 + 6 * 3 + 3);
}

// [2, 6, 5] to [4, 6, 5] by 3×3 in two groups, padded; the input needs no gradient.
TEST_F(Bench, CountsTheMultiplyAddsOfConvolutions) {
  Subject subject(experiment("{input: [2, 6, 5], layers: [{type: conv2d, filters: 4, kernel: 3, padding: "
                             "same, groups: 2}, relu, {type: conv2d, filters: 2, kernel: 2}, flatten, {type: "
                             "dense, units: 3}]}",
                             "[2, 6, 5]"),
                  registry_);
  const double first = 4 * (4 * 6 * 5) * (1 * 3 * 3), second = 4 * (2 * 5 * 4) * (4 * 2 * 2),
               third = 4 * (2 * 5 * 4) * 3;
  EXPECT_EQ(subject.facts().multiply_adds, 2 * first + 3 * second + 3 * third);
}

TEST_F(Bench, AStepCanBeRepeatedOnTheSameBatch) {
  // Labels outlast the run: a class beyond the last would be read from what stands there instead.
  Subject subject(experiment("{input: [7], layers: [{type: dense, units: 3}]}", "[7]"), registry_);
  EXPECT_GT(subject.run(1000), 0);
  double sum = 0;
  for (const OpTime& op : subject.profile(3)) sum += op.multiply_adds;
  EXPECT_EQ(sum, subject.facts().multiply_adds);
}

TEST_F(Bench, MeasuresEveryRoundAndItsReportIsReadBack) {
  const Experiment measured = experiment("{input: [7], layers: [{type: dense, units: 3}]}", "[7]");
  Options options;
  options.rounds = 3;
  options.round_seconds = 1e-4;
  options.profile = true;
  options.allocations = [] { return 0; };
  std::int64_t calls = 0;
  options.progress = [&](const std::string&, std::int64_t done, std::int64_t total) {
    EXPECT_EQ(done, calls++);
    EXPECT_EQ(total, 2 * 5);
  };
  const Experiment both[] = {measured, measured};
  const std::vector<Measurement> measurements = measure(both, registry_, options);
  EXPECT_EQ(calls, 10);
  ASSERT_EQ(measurements.size(), 2u);
  for (const Measurement& m : measurements) {
    EXPECT_EQ(m.seconds.size(), 3u);
    for (const double seconds : m.seconds) EXPECT_GT(seconds, 0);
    EXPECT_GT(m.peak_bytes, m.facts.memory.arena_bytes);
    EXPECT_EQ(m.allocations, 0);
    EXPECT_EQ(static_cast<std::int64_t>(m.profile.size()), m.facts.ops);
    EXPECT_GE(m.facts.memory.arena_bytes, m.facts.memory.value_bytes);
  }
  const std::string report = to_report(measurements);
  EXPECT_EQ(report, to_report(read_report(folder_.file("base.json", report))));
  const auto json = nlohmann::json::parse(report);
  EXPECT_EQ(json["format"], "assay-bench");
  EXPECT_EQ(json["version"], 1);
  for (const char* key : {"median_seconds", "samples_per_second", "gflops", "peak_bytes", "profile"})
    EXPECT_TRUE(json["measurements"][0].contains(key)) << key;
}

TEST_F(Bench, WhatCannotBePreparedIsAnErrorOfTheExperiment) {
  const Experiment wrong = experiment("{input: [8], layers: [{type: dense, units: 3}]}", "[7]");
  try {
    measure(std::span(&wrong, 1), registry_, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the model's input is [8], but the data has [7] per sample"));
  }
}

TEST_F(Bench, OtherJsonIsRefused) {
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      read_report(folder_.file("base.json", text));
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(refusal("{"), HasSubstr("is no JSON"));
  EXPECT_THROW(read_report(folder_ / "nowhere.json"), Error);
  EXPECT_THAT(refusal("[1]"), HasSubstr("is no report of assay bench"));
  EXPECT_THAT(refusal(R"({"format": "other"})"), HasSubstr("is no report of assay bench"));
  EXPECT_THAT(refusal(R"({"format": "assay-bench", "version": 2})"), HasSubstr("of another version"));
  EXPECT_THAT(refusal(R"({"format": "assay-bench", "version": 1})"), HasSubstr("is no whole report"));
  EXPECT_THAT(refusal(R"({"format": "assay-bench", "version": 1, "measurements": [{"file": 3}]})"),
              HasSubstr("is no whole report"));
}

}  // namespace
}  // namespace assay::bench
