// What a model says about layers, losses, optimizers and data that do not fit.
#include <gtest/gtest.h>

#include "assay/core/error.h"
#include "layers_model.h"

namespace assay {
namespace {

using ModelErrorTest = ModelTest;

struct Finding {
  std::string label;
  Shape input;
  std::vector<LayerConfig> layers;
  std::string message;
};

TEST_F(ModelErrorTest, SaysWhatDoesNotFit) {
  using Pair = std::vector<std::int64_t>;
  const Finding table[] = {
      {"images wanted",
       Shape{784},
       {{.type = "max_pool2d", .name = "pool", .fields = {{"size", Pair{2, 2}}}}},
       "error: the layer reads images, [channels, height, width] per sample, but its input is [784]\n"
       " = in: layer 'pool' (max_pool2d)\n"
       " = help: put {type: reshape, shape: [CHANNELS, HEIGHT, WIDTH]} above it\n"},
      {"features wanted",
       Shape{},
       {dense(2)},
       "error: the layer reads features, [..., features] per sample, but its input is one number per sample\n"
       " = in: layer 'dense1' (dense)\n"
       " = help: give the sample an axis: {type: reshape, shape: [1]}\n"},
      {"kernel too large",
       Shape{1, 4, 4},
       {{.type = "conv2d", .fields = {{"filters", std::int64_t{1}}, {"kernel", Pair{5, 5}}}}},
       "error: the input is 4 × 4, with padding 4 × 4, but the kernel covers 5 × 5\n"
       " = in: layer 'conv2d1' (conv2d)\n"
       " = help: use a smaller kernel, or padding: same\n"},
      {"groups",
       Shape{3, 4, 4},
       {{.type = "conv2d",
         .fields = {{"filters", std::int64_t{4}}, {"kernel", Pair{1, 1}}, {"groups", std::int64_t{2}}}}},
       "error: 3 channels do not fall into 2 equal groups\n"
       " = in: layer 'conv2d1' (conv2d)\n"
       " = help: let groups divide both the channels of the input and the filters\n"},
      {"residual",
       Shape{4},
       {{.type = "residual", .name = "block", .layers = {dense(3)}}},
       "error: the block turns [4] into [3] per sample, which cannot be added to its input\n"
       " = in: layer 'block' (residual)\n"
       " = help: keep the shape inside the block (as many filters or units as come in, stride 1, padding: "
       "same), or merge "
       "two branches with add\n"},
      {"add",
       Shape{4},
       {dense(3, "a"), {.type = "add", .inputs = {"a", "input"}}},
       "error: inputs 1 and 2 are [3] and [4] per sample: as many axes, and extents that are equal or 1, are "
       "wanted\n"
       " = in: layer 'add1' (add)\n"
       " = help: bring them to one shape first, with dense, conv2d (kernel: 1) or reshape\n"},
      {"concat",
       Shape{4, 2},
       {dense(3, "a"), {.type = "concat", .inputs = {"a", "input"}}},
       "error: inputs 1 and 2 are [4, 3] and [4, 2] per sample: only axis 1 (axis 0 is the batch) may "
       "differ\n"
       " = in: layer 'concat1' (concat)\n"
       " = help: choose another axis, or reshape an input\n"},
      {"batch axis",
       Shape{4},
       {{.type = "softmax", .fields = {{"axis", std::int64_t{0}}}}},
       "error: axis 0 of an input [2, 4] (axis 0 is the batch) is the batch, whose samples stay apart\n"
       " = in: layer 'softmax1' (softmax)\n"
       " = help: choose one from 1 to 1, or -1 for the last\n"},
      {"reshape",
       Shape{6},
       {{.type = "reshape", .fields = {{"shape", Pair{4, 2}}}}},
       "error: a sample of shape [6] has 6 numbers, but [4, 2] has 8\n"
       " = in: layer 'reshape1' (reshape)\n"
       " = help: the product of the extents must be that number; one extent may be -1, for what is left\n"},
      {"reshape with a rest",
       Shape{6},
       {{.type = "reshape", .fields = {{"shape", Pair{4, -1}}}}},
       "error: a sample of shape [6] has 6 numbers, but [4, -1] does not divide them\n"
       " = in: layer 'reshape1' (reshape)\n"
       " = help: the product of the extents must be that number; one extent may be -1, for what is left\n"},
      {"layer_norm",
       Shape{3, 4},
       {{.type = "layer_norm", .fields = {{"axes", Pair{1}}}}},
       "error: axes [1] of an input [2, 3, 4] (axis 0 is the batch) are not its last 1\n"
       " = in: layer 'layer_norm1' (layer_norm)\n"
       " = help: normalise over trailing axes, such as [-1]\n"},
      {"init of no parameter",
       Shape{3},
       {{.type = "dense",
         .name = "out",
         .fields = {{"units", std::int64_t{2}}},
         .init = {{"wieght", {.type = "ones"}}}}},
       "error: layer 'out' has no parameter 'wieght' to initialise\n"
       " = in: layer 'out' (dense)\n"
       " = help: a similar parameter exists: 'weight'\n"},
      {"given values",
       Shape{3},
       {{.type = "dense",
         .name = "out",
         .fields = {{"units", std::int64_t{2}}},
         .init = {{"weight", {.given = Array{Shape{3, 2}, std::vector<double>(6)}}}}}},
       "error: the values given for 'out.weight' have shape [3, 2], but it is [2, 3]\n"
       " = in: layer 'out' (dense)\n"},
      {"numbers into an embedding",
       Shape{3},
       {dense(2), {.type = "embedding", .fields = {{"count", std::int64_t{2}}, {"units", std::int64_t{2}}}}},
       "error: the layer reads indices, but its input holds numbers (f32[2, 2])\n"
       " = in: layer 'embedding1' (embedding)\n"
       " = help: let it read the model's input: inputs: [input]\n"},
      {"indices into a layer",
       Shape{3},
       {{.type = "embedding",
         .name = "e",
         .fields = {{"count", std::int64_t{2}}, {"units", std::int64_t{1}}}},
        dense(2, "d", {"input"}),
        {.type = "add", .inputs = {"e", "d"}}},
       "error: the layer reads numbers, but the model's input holds indices, because an embedding reads it\n"
       " = in: layer 'd' (dense)\n"
       " = help: put the layer behind the embedding\n"},
      {"an input of no extent",
       Shape{0},
       {dense(1)},
       "error: the model's input is [0] per sample, but extents count from 1\n"},
  };
  for (const Finding& finding : table)
    EXPECT_EQ(error_of(finding.input, finding.layers), finding.message) << finding.label;
}

TEST_F(ModelErrorTest, ReportsLayersLossAndOptimizerAtOnce) {
  try {
    model(Shape{2}, {{.type = "dens"}}, "mse", {.type = "sdg"});
    FAIL();
  } catch (const Error& error) {
    ASSERT_EQ(error.diagnostics().size(), 3u);
    EXPECT_EQ(error.diagnostics()[0].message, "unknown layer 'dens'");
    EXPECT_EQ(error.diagnostics()[1].message, "unknown loss function 'mse'");
    EXPECT_EQ(error.diagnostics()[2].message, "unknown optimizer 'sdg'");
  }
}

TEST_F(ModelErrorTest, RefusesSettingsThatContradict) {
  EXPECT_EQ(
      error_of(Shape{2}, {dense(1)}, "half_squared_error", {.type = "sgd", .fields = {{"nesterov", true}}}),
      "error: nesterov is true, but momentum is 0\n"
      " = in: optimizer 'sgd'\n"
      " = help: give a momentum, such as 0.9\n");
  EXPECT_EQ(error_of(Shape{2, 3, 3}, {{.type = "relu"}}, "softmax_cross_entropy"),
            "error: loss 'softmax_cross_entropy' takes one score per class, [classes] per sample, but the "
            "model's output "
            "is [2, 3, 3] per sample\n"
            " = in: loss 'softmax_cross_entropy'\n"
            " = help: end the model with {type: flatten} and {type: dense, units: CLASSES}\n");
}

TEST_F(ModelErrorTest, BatchNormNeedsTwoValuesPerChannelInTraining) {
  const Model features = model(Shape{3}, {{.type = "batch_norm"}});
  EXPECT_THROW(features.training_graph(1, DType::f32), Error);
  features.inference_graph(1, DType::f32);
  model(Shape{3, 2, 1}, {{.type = "batch_norm"}}).training_graph(1, DType::f32);
}

TEST_F(ModelErrorTest, ChecksDataBeforeItIsRead) {
  const Model network = model(Shape{2, 3}, {{.type = "flatten"}, dense(4)}, "softmax_cross_entropy");
  network.check_data({DType::f64, Shape{9, 2, 3}}, {DType::i32, Shape{9}});
  const auto error_with = [&](const Spec& input, const Spec& target) -> std::string {
    try {
      network.check_data(input, target);
    } catch (const Error& error) {
      return error.diagnostics().front().message;
    }
    return "no error";
  };
  EXPECT_EQ(error_with({DType::f64, Shape{9, 6}}, {DType::i32, Shape{9}}),
            "the model's input is [2, 3], but the data has [6] per sample");
  EXPECT_EQ(error_with({DType::f64, Shape{9, 2, 3}}, {DType::f64, Shape{9, 4}}),
            "loss 'softmax_cross_entropy' wants one class label per sample, an integer in [0, 4), but the "
            "data has numbers "
            "of shape [4] per sample");
}

}  // namespace
}  // namespace assay
