// Which targets a loss compares with, and what it says about others.
#include <gtest/gtest.h>

#include "assay/core/error.h"
#include "assay/layers/loss.h"

namespace assay {
namespace {

class LossTest : public ::testing::Test {
 protected:
  LossTest() { register_losses(losses_, "built-in"); }

  std::string error_of(const std::string& loss, const Spec& prediction, const Spec& target) {
    try {
      check_target(losses_.at(loss), prediction, target);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  LossTable losses_{"loss function"};
};

TEST_F(LossTest, TargetsAreNumbersOfTheOutputsShapeOrLabels) {
  const Spec image{DType::f64, Shape{4, 3, 2}}, scores{DType::f64, Shape{4, 10}};
  EXPECT_EQ(target_spec(losses_.at("half_squared_error"), image), image);
  EXPECT_EQ(target_spec(losses_.at("softmax_cross_entropy"), scores), (Spec{DType::i32, Shape{4}}));
  EXPECT_EQ(error_of("huber", image, {DType::f32, Shape{4, 3, 2}}), "no error");
  EXPECT_EQ(error_of("softmax_cross_entropy", scores, {DType::i32, Shape{4}}), "no error");
  EXPECT_EQ(error_of("softmax_cross_entropy", scores, {DType::u8, Shape{4}}), "no error");
}

TEST_F(LossTest, SaysWhatDoesNotFit) {
  const Spec scores{DType::f32, Shape{4, 10}}, labels{DType::i32, Shape{4}};
  EXPECT_EQ(error_of("half_squared_error", scores, {DType::f32, Shape{4, 1}}),
            "error: loss 'half_squared_error' compares numbers of the same shape, but the model's output is "
            "[10] and the "
            "target [1] per sample\n"
            " = help: let the last layer give as many numbers as a target has\n");
  EXPECT_EQ(error_of("half_squared_error", scores, labels),
            "error: loss 'half_squared_error' wants numbers of shape [10] per sample, the shape of the "
            "model's output, "
            "but the data has class labels\n"
            " = help: use softmax_cross_entropy, with one unit per class in the last layer\n");
  EXPECT_EQ(error_of("softmax_cross_entropy", scores, {DType::f32, Shape{4, 10}}),
            "error: loss 'softmax_cross_entropy' wants one class label per sample, an integer in [0, 10), "
            "but the data "
            "has numbers of shape [10] per sample\n"
            " = help: give labels, or choose a loss that compares numbers, such as mean_squared_error\n");
  EXPECT_EQ(error_of("softmax_cross_entropy", {DType::f32, Shape{4, 8, 7, 7}}, labels),
            "error: loss 'softmax_cross_entropy' takes one score per class, [classes] per sample, but the "
            "model's output "
            "is [8, 7, 7] per sample\n"
            " = help: end the model with {type: flatten} and {type: dense, units: CLASSES}\n");
}

}  // namespace
}  // namespace assay
