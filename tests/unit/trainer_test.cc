// Training: steps and means to the last bit on numbers that are exact in binary, uneven batches, early
// stopping, divergence. The model is ŷ = w x, with L = 1/(2B) Σ (w x − y)².
#include "assay/experiment/trainer.h"

#include <gtest/gtest.h>

#include <limits>

#include "unit/experiment_files.h"

namespace assay {
namespace {

struct Slope {
  std::string x = "[[1], [2], [3], [4], [5], [6]]";
  std::string y = "[[0], [0], [0], [0], [0], [0]]";
  double learning_rate = 0.0;
  std::string train = "{epochs: 1, batch_size: 4}";
  std::string dtype = "f64";
  std::string more{};
  std::string layers = "[{type: dense, name: neuron, units: 1, bias: false, init: {weight: [[1]]}}]";

  std::string text() const {
    return fmt::format(
        "assay: 1\nname: slope\nnumeric: {{dtype: {}}}\n"
        "data: {{type: inline, x: {}, y: {}, shuffle: false}}\n"
        "model: {{input: [1], layers: {}}}\n"
        "loss: {{type: half_squared_error}}\n"
        "optimizer: {{type: sgd, learning_rate: {}}}\n"
        "train: {}\n{}\n",
        dtype, x, y, layers, learning_rate, train, more);
  }
};

class TrainerTest : public ExperimentTest {
 protected:
  struct Trained {
    TrainingResult result;
    double weight = 0;
  };
  Trained train(const Slope& slope, bool stopped = false) {
    const Experiment experiment = read(slope.text());
    const Problem problem(experiment, registry_, 0);
    Trainer trainer(problem);
    RunObserver observer;
    const std::atomic<bool> stop{stopped};
    Trained trained{trainer.run(observer, stop)};
    trained.weight = element(trainer.states().read("neuron.weight").view(), 0);
    return trained;
  }
};

// The batches hold 4 and 2 of the 6 rows. Their losses are 30/8 and 61/4; the mean of those would be 9.5.
TEST_F(TrainerTest, AnUnevenEpochIsTheMeanOverItsRows) {
  const TrainingResult result = train({}).result;
  EXPECT_EQ(result.steps, 2);
  EXPECT_EQ(result.metrics.at("train/loss"), 91.0 / 12.0);
  EXPECT_EQ(result.metrics.at("train/mean_absolute_error"), 3.5);
}

// ∂L/∂w = 1/B Σ (w x − y) x: 7.5, then 30.5 w. Every number is a multiple of 2⁻¹² below 2⁵.
TEST_F(TrainerTest, EveryBatchIsDividedByItsOwnRows) {
  const double rate = 1.0 / 32;
  double w = 1.0;
  w -= rate * (w * (1 + 4 + 9 + 16) / 4);
  w -= rate * (w * (25 + 36) / 2);
  EXPECT_EQ(train({.learning_rate = rate}).weight, w);
}

TEST_F(TrainerTest, StopsAfterTheStepsAskedFor) {
  const TrainingResult result = train({.train = "{epochs: 9, batch_size: 1, steps: 8}"}).result;
  EXPECT_EQ(result.steps, 8);
  EXPECT_EQ(result.epochs, 2);
  EXPECT_EQ(result.metrics.at("train/loss"), (1.0 + 4.0) / 4.0);  // the second epoch has seen two rows
}

TEST_F(TrainerTest, ABatchIsAtMostAllRows) {
  const TrainingResult result = train({.train = "{epochs: 3, batch_size: 1000}"}).result;
  EXPECT_EQ(result.steps, 3);
  EXPECT_EQ(result.metrics.at("train/loss"), 91.0 / 12.0);
}

TEST_F(TrainerTest, StopsWhenAsked) {
  const TrainingResult result = train({.train = "{epochs: 3, batch_size: 1}"}, true).result;
  EXPECT_EQ(result.status, TrainingResult::Status::interrupted);
  EXPECT_EQ(result.steps, 0);
}

// With a rate of 0 the first epoch is the best; `patience` more bring nothing.
TEST_F(TrainerTest, StopsAfterPatienceEpochsWithoutImprovement) {
  for (const int patience : {1, 2, 5}) {
    const TrainingResult result =
        train({.train = "{epochs: 20}",
               .more = fmt::format("early_stopping: {{monitor: train/loss, patience: {}}}", patience)})
            .result;
    EXPECT_EQ(result.status, TrainingResult::Status::stopped_early);
    EXPECT_EQ(result.epochs, 1 + patience);
  }
}

// A rate of 3 on one row x = 1 makes w ← −2 w: every epoch is worse than the one before. The best state is
// that after the first.
TEST_F(TrainerTest, RestoresTheBestState) {
  Slope slope{.x = "[[1]]", .y = "[[0]]", .learning_rate = 3, .train = "{epochs: 4}"};
  slope.more = "early_stopping: {monitor: train/mean_absolute_error, patience: 3, restore_best: true}";
  const Trained restored = train(slope);
  EXPECT_EQ(restored.weight, -2.0);
  EXPECT_EQ(restored.result.metrics.at("train/mean_absolute_error"), 2.0);
  slope.more = "early_stopping: {monitor: train/mean_absolute_error, patience: 3, restore_best: false}";
  EXPECT_EQ(train(slope).weight, 16.0);
  slope.more = "early_stopping: {monitor: train/mean_absolute_error, patience: 3, mode: max}";
  EXPECT_EQ(train(slope).weight, 16.0);
}

// w = (−2)ⁿ: its square passes the largest f32 in step 65, first in the loss.
TEST_F(TrainerTest, NamesTheOpThatOverflowed) {
  const TrainingResult result =
      train({.x = "[[1]]", .y = "[[0]]", .learning_rate = 3, .train = "{epochs: 1000}", .dtype = "f32"})
          .result;
  EXPECT_EQ(result.status, TrainingResult::Status::diverged);
  for (const char* part : {"step 65 (epoch 65, batch 1)", "half_squared_error", "of 'loss'", "learning_rate"})
    EXPECT_NE(result.diagnosis.find(part), std::string::npos) << part << "\n" << result.diagnosis;
}

// The gradient of step 1 is 10¹⁰; times a rate of 10³⁰ it is beyond f32. Only the loss of step 2 shows it.
TEST_F(TrainerTest, FindsAnUpdateThatOverflowedBeforeTheLossDid) {
  const TrainingResult result =
      train({.x = "[[1e5]]", .y = "[[0]]", .learning_rate = 1e30, .train = "{epochs: 10}", .dtype = "f32"})
          .result;
  EXPECT_EQ(result.status, TrainingResult::Status::diverged);
  EXPECT_EQ(result.steps, 1);
  for (const char* part : {"step 1 (epoch 1, batch 1)", "sgd_update", "of 'optimizer'", "-inf"})
    EXPECT_NE(result.diagnosis.find(part), std::string::npos) << part << "\n" << result.diagnosis;
}

// The state is kept every kInterval steps, here in the middle of an epoch of 5 steps; the replay crosses
// epochs.
TEST_F(TrainerTest, ReplaysAcrossEpochs) {
  const TrainingResult result = train({.x = "[[1], [1], [1], [1], [1]]",
                                       .y = "[[0], [0], [0], [0], [0]]",
                                       .learning_rate = 2.5,
                                       .train = "{epochs: 1000, batch_size: 1}",
                                       .dtype = "f32"})
                                    .result;
  // |w| = 1.5ⁿ; w² passes 2¹²⁸ for n ≥ 64 / log₂ 1.5 = 109.4, in step 111 = 22 · 5 + 1.
  EXPECT_EQ(result.status, TrainingResult::Status::diverged);
  EXPECT_NE(result.diagnosis.find("step 111 (epoch 23, batch 1)"), std::string::npos) << result.diagnosis;
}

// a = σ(b), L = ½ (a − y)²: the first step takes b to −∞, and from there on a = 0, ∂L/∂b = 0 and L = ½ y².
// Only the look at the states, every kInterval steps, sees it.
TEST_F(TrainerTest, AParameterThatNoLossShowsIsFound) {
  const TrainingResult result =
      train({.x = "[[0]]",
             .y = "[[-1000]]",
             .learning_rate = 3e38,
             .train = "{epochs: 200, batch_size: 1}",
             .dtype = "f32",
             .layers = "[{type: dense, name: neuron, units: 1, init: {weight: [[1]], bias: [0]}}, sigmoid]"})
          .result;
  EXPECT_EQ(result.status, TrainingResult::Status::diverged);
  EXPECT_LE(result.steps, 64);
  for (const char* part : {"step 1 (epoch 1, batch 1)", "sgd_update", "-inf"})
    EXPECT_NE(result.diagnosis.find(part), std::string::npos) << part << "\n" << result.diagnosis;
}

TEST(Metrics, CountRowsNotBatches) {
  const std::vector<MetricConfig> configs{
      {.type = "accuracy"}, {.type = "top_k", .k = 2}, {.type = "confusion_matrix"}};
  MetricAccumulator metrics(configs);
  const auto add = [&](double loss, std::vector<double> scores, std::vector<double> labels) {
    const auto rows = static_cast<std::int64_t>(labels.size());
    metrics.add(loss, Tensor::of(DType::f32, Shape{rows, 3}, scores).view(),
                Tensor::of(DType::i32, Shape{rows}, labels).view());
  };
  add(1.0, {3, 2, 1, /**/ 1, 3, 2, /**/ 1, 2, 3}, {0, 2, 2});  // right, second, right
  add(5.0, {2, 2, 0}, {1});  // a tie: the first of the largest is decided for
  const auto values = metrics.values();
  EXPECT_EQ(values.at("loss"), 2.0);
  EXPECT_EQ(values.at("accuracy"), 0.5);
  EXPECT_EQ(values.at("top_2_accuracy"), 1.0);
  EXPECT_EQ(metrics.confusion().counts, (std::vector<std::int64_t>{1, 0, 0, 1, 0, 0, 0, 1, 1}));
}

TEST(Metrics, ANotANumberIsNeverRight) {
  const std::vector<MetricConfig> configs{{.type = "accuracy"}, {.type = "top_k", .k = 2}};
  MetricAccumulator metrics(configs);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> scores{nan, nan, nan}, label{0};
  metrics.add(nan, Tensor::of(DType::f32, Shape{1, 3}, scores).view(),
              Tensor::of(DType::i32, Shape{1}, label).view());
  EXPECT_EQ(metrics.values().at("accuracy"), 0.0);
  EXPECT_EQ(metrics.values().at("top_2_accuracy"), 0.0);
}

}  // namespace
}  // namespace assay
