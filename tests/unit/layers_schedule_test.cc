// Schedules, step by step, against values worked on paper.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "assay/core/error.h"
#include "assay/layers/schedule.h"

namespace assay {
namespace {

class ScheduleTest : public ::testing::Test {
 protected:
  ScheduleTest() { register_schedules(schedules_, "built-in"); }

  // The learning rates of steps 0, 1, …, `steps` − 1 with two steps in every epoch.
  std::vector<double> rates(const std::string& type, const Fields& given, double base, int steps, int total) {
    const ScheduleDef& def = schedules_.at(type);
    const Fields fields = complete(def.fields, given, type);
    std::vector<double> all;
    for (int step = 0; step < steps; ++step)
      all.push_back(scheduled_learning_rate(def, fields, base, {step, step / 2, total, total / 2}));
    return all;
  }

  ScheduleTable schedules_{"schedule"};
};

using Rates = std::vector<double>;

TEST_F(ScheduleTest, ConstantStays) {
  EXPECT_EQ(rates("constant", {}, 0.1, 4, 4), (Rates{0.1, 0.1, 0.1, 0.1}));
}

TEST_F(ScheduleTest, WarmUpRisesFromItsFirstFractionToTheBase) {
  EXPECT_EQ(rates("constant", {{"warmup_steps", std::int64_t{4}}}, 2.0, 6, 6),
            (Rates{0.5, 1.0, 1.5, 2.0, 2.0, 2.0}));
}

TEST_F(ScheduleTest, StepFallsEveryThirdUpdate) {
  const Fields fields{{"every", std::int64_t{3}}, {"gamma", 0.5}};
  EXPECT_EQ(rates("step", fields, 1.0, 8, 8), (Rates{1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25}));
}

TEST_F(ScheduleTest, StepFallsEverySecondEpoch) {
  const Fields fields{{"every", std::int64_t{2}}, {"gamma", 0.5}, {"per", std::string("epoch")}};
  EXPECT_EQ(rates("step", fields, 1.0, 10, 10), (Rates{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25}));
}

TEST_F(ScheduleTest, UpdatesCountFromTheEndOfTheWarmUpAndEpochsFromTheStart) {
  const Fields per_step{{"gamma", 0.5}, {"warmup_steps", std::int64_t{2}}};
  EXPECT_EQ(rates("exponential", per_step, 1.0, 6, 6), (Rates{0.5, 1, 1, 0.5, 0.25, 0.125}));
  const Fields per_epoch{{"gamma", 0.5}, {"warmup_steps", std::int64_t{3}}, {"per", std::string("epoch")}};
  EXPECT_EQ(rates("exponential", per_epoch, 1.5, 6, 6), (Rates{0.5, 1, 1.5, 0.75, 0.375, 0.375}));
}

// cos(kπ/4) = 1, √½, 0, −√½, −1. The computed rate is within 10 u η₀ of the formula: π, the product and the
// quotient put 3 u π into the angle, the cosine adds an ulp of one (2 u), together < 12 u; 1 + cos adds 2 u,
// and half of it all is 7 u; η₀ − η_min, the product and the last sum add 3 u. One more u rounds the value on
// paper, another covers the products of errors.
TEST_F(ScheduleTest, CosineFollowsHalfAWave) {
  const double u = std::numeric_limits<double>::epsilon() / 2;
  const double root = 0.70710678118654752440;
  struct Row {
    Fields fields;
    double base;
    std::vector<double> expected;
  };
  const Row table[] = {
      {{}, 1.0, {1.0, (1 + root) / 2, 0.5, (1 - root) / 2, 0.0, 0.0}},
      {{{"min_learning_rate", 0.25}},
       1.25,
       {1.25, 0.25 + (1 + root) / 2, 0.75, 0.25 + (1 - root) / 2, 0.25, 0.25}},
      {{{"warmup_steps", std::int64_t{2}}}, 1.0, {0.5, 1.0, 1.0, (1 + root) / 2, 0.5, (1 - root) / 2, 0.0}}};
  for (const Row& row : table) {
    const std::int64_t warmup = row.fields.find("warmup_steps") == nullptr ? 0 : 2;
    const auto actual = rates("cosine", row.fields, row.base, static_cast<int>(row.expected.size()),
                              static_cast<int>(4 + warmup));
    for (std::size_t t = 0; t < actual.size(); ++t)
      EXPECT_LE(std::abs(actual[t] - row.expected[t]), 12 * u * row.base)
          << row.fields.to_string() << " step " << t;
  }
}

TEST_F(ScheduleTest, CosinePerEpochHoldsWithinAnEpoch) {
  const auto actual = rates("cosine", {{"per", std::string("epoch")}}, 1.0, 8, 8);
  for (std::size_t t = 0; t < actual.size(); t += 2) EXPECT_EQ(actual[t], actual[t + 1]);
  EXPECT_EQ(actual[0], 1.0);
  EXPECT_LT(actual[2], actual[0]);
}

TEST_F(ScheduleTest, RefusesWhatCannotBe) {
  const auto fields_of = [&](const char* type, const Fields& given) {
    return complete(schedules_.at(type).fields, given, std::string("schedule '") + type + "'");
  };
  EXPECT_THROW(fields_of("step", {}), Error);
  EXPECT_THROW(fields_of("step", {{"every", std::int64_t{0}}}), Error);
  EXPECT_THROW(fields_of("cosine", {{"per", std::string("batch")}}), Error);
  EXPECT_THROW(fields_of("constant", {{"warmup_steps", std::int64_t{-1}}}), Error);
  EXPECT_THROW(schedules_.at("cosin"), Error);
}

}  // namespace
}  // namespace assay
