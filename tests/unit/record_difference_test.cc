// How far two records part, and what they tell of the step in which they did.
#include "assay/experiment/record_difference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay {
namespace {

TEST(RecordDifference, CountsUlpsOfTheTypeThatTheNumbersHave) {
  const float x = 0.7f;
  const float y = std::nextafter(std::nextafter(x, 1.0f), 1.0f);
  EXPECT_EQ(ulps_between(x, y), 2u);
  EXPECT_EQ(ulps_between(-1.0, std::nextafter(-1.0, 0.0)), 1u);
  EXPECT_EQ(ulps_between(0.0f, -0.0f), 1u) << "other bits";
  EXPECT_EQ(ulps_between(-std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::denorm_min()),
            2u);
  EXPECT_EQ(ulps_between(1.0, std::nan("")), ~std::uint64_t{0});

  MetricDifference loss{.name = "train/step_loss", .recorded = double{x}, .repeated = double{y}};
  EXPECT_EQ(loss.ulps(), 2u) << "a loss in f32";
  loss.repeated = std::nextafter(double{x}, 1.0);
  EXPECT_EQ(loss.ulps(), 1u) << "one in f64";
  loss.repeated.reset();
  EXPECT_EQ(loss.ulps(), ~std::uint64_t{0});
}

TEST(RecordDifference, TellsTheStepsOfWhichOneWasTheFirst) {
  const auto parting = [](const RecordDifference& difference) {
    const auto steps = difference.parting();
    return steps ? std::pair(steps->first, steps->last) : std::pair(std::int64_t{-1}, std::int64_t{-1});
  };
  using Steps = std::pair<std::int64_t, std::int64_t>;
  RecordDifference difference;
  EXPECT_EQ(parting(difference), Steps(-1, -1)) << "nothing differs";
  difference.metric = MetricDifference{.step = 143, .name = "train/step_loss"};
  EXPECT_EQ(parting(difference), Steps(1, 143));
  difference.same_weights = 100;
  EXPECT_EQ(parting(difference), Steps(101, 143));
  difference.weights = WeightsDifference{.step = 200, .tensors = {"a"}};
  EXPECT_EQ(parting(difference), Steps(101, 143)) << "the loss was the first to show it";
  difference.checkpoint = CheckpointDifference{.step = 120, .states = {}};
  EXPECT_EQ(parting(difference), Steps(101, 120));
  difference.same_weights = 119;
  EXPECT_EQ(parting(difference), Steps(120, 120)) << "hashed after every step";
  difference = {};
  difference.metric = MetricDifference{.name = "train/weights_hash"};
  difference.weights = WeightsDifference{.tensors = {"a"}};
  EXPECT_EQ(parting(difference), Steps(0, 0)) << "the initial weights";
}

}  // namespace
}  // namespace assay
