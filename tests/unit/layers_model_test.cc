// Models as graphs: shapes, states, names of the trace, what the three graphs hold.
#include "layers_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/layers/model.h"
#include "assay/layers/sample_shape.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/reduce.h"

namespace assay {
namespace {

using Names = std::vector<std::string>;

Names outputs_of(const Graph& graph) {
  Names names;
  for (const auto& [name, id] : graph.outputs()) names.push_back(name);
  return names;
}
Names sources_of(const Graph& graph, NodeKind kind) {
  Names names;
  for (const Node& node : graph.nodes()) {
    if (node.kind == kind) names.push_back(node.name);
  }
  return names;
}
Names updates_of(const Graph& graph) {
  Names names;
  for (const auto& [state, successor] : graph.updates()) names.push_back(graph.node(state).name);
  return names;
}
std::int64_t count_of(const Graph& graph, std::string_view op) {
  return std::ranges::count_if(graph.nodes(), [&](const Node& node) { return node.label() == op; });
}
Names names_of(std::span<const StateInfo> states) {
  Names names;
  for (const StateInfo& state : states) names.push_back(state.name);
  return names;
}

// Which op stands for which layer, in the order of evaluation. How the loss and the norm are made is their
// own matter.
TEST_F(ModelTest, TheArticlesNetworkAsATrainingGraph) {
  const Model network = worked_example(registry_);
  const Graph graph = network.training_graph(1, DType::f64);
  Names built;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op || node.scope == "loss") continue;
    if (node.scope == "optimizer" && node.label() != "sgd_update") continue;
    built.push_back(node.scope + (node.backward ? " backward " : " ") + std::string(node.label()));
  }
  EXPECT_EQ(built, (Names{"hidden linear", "sigmoid1 sigmoid", "out linear", "sigmoid2 sigmoid",
                          "sigmoid2 backward sigmoid_grad", "out backward matmul", "out backward matmul",
                          "out backward sum", "sigmoid1 backward sigmoid_grad", "hidden backward matmul",
                          "hidden backward sum", "optimizer sgd_update", "optimizer sgd_update",
                          "optimizer sgd_update", "optimizer sgd_update"}));
  EXPECT_EQ(updates_of(graph), (Names{"hidden.weight", "hidden.bias", "out.weight", "out.bias"}));
  EXPECT_EQ(network.parameter_count(), 7);
}

TEST_F(ModelTest, TheArticlesNetworkAsATraceGraph) {
  const Graph graph = worked_example(registry_).trace_graph(1, DType::f64);
  EXPECT_EQ(outputs_of(graph), (Names{"input",
                                      "target",
                                      "loss",
                                      "hidden.output",
                                      "sigmoid1.output",
                                      "out.output",
                                      "sigmoid2.output",
                                      "hidden.weight",
                                      "hidden.bias",
                                      "out.weight",
                                      "out.bias",
                                      "grad/input",
                                      "grad/hidden.output",
                                      "grad/sigmoid1.output",
                                      "grad/out.output",
                                      "grad/sigmoid2.output",
                                      "grad/hidden.weight",
                                      "grad/hidden.bias",
                                      "grad/out.weight",
                                      "grad/out.bias"}));
  EXPECT_TRUE(graph.updates().empty());
  for (const auto& [name, id] : graph.outputs()) {
    const ValueId gradient = graph.find_output("grad/" + name);
    if (gradient.node < 0) continue;
    EXPECT_EQ(graph.spec(gradient), graph.spec(id)) << name;
  }
}

TEST_F(ModelTest, TheArticlesNetworkAsAnInferenceGraph) {
  const Graph graph = worked_example(registry_).inference_graph(3, DType::f32);
  EXPECT_EQ(outputs_of(graph), (Names{"prediction", "loss"}));
  EXPECT_EQ(graph.spec(graph.find_output("prediction")), (Spec{DType::f32, Shape{3, 1}}));
  EXPECT_EQ(sources_of(graph, NodeKind::input), (Names{"input", "target"}));
  EXPECT_TRUE(graph.updates().empty());
}

TEST_F(ModelTest, EveryTrainingGraphHasTheSameInputs) {
  const Names inputs{"input", "target", "learning_rate", "step", "key", "sample"};
  for (const char* optimizer : {"sgd", "adam", "adamw", "rmsprop"}) {
    const Graph graph =
        model(Shape{3}, {dense(2)}, "half_squared_error", {.type = optimizer}).training_graph(4, DType::f32);
    EXPECT_EQ(sources_of(graph, NodeKind::input), inputs) << optimizer;
    EXPECT_EQ(outputs_of(graph), Names{"loss"}) << optimizer;
    const Graph clipped =
        model(Shape{3}, {dense(2)}, "half_squared_error", {.type = optimizer, .fields = {{"clip_norm", 1.0}}})
            .training_graph(4, DType::f32);
    EXPECT_EQ(sources_of(clipped, NodeKind::input), inputs) << optimizer;
    EXPECT_EQ(outputs_of(clipped), (Names{"loss", "gradient_norm"})) << optimizer;
  }
}

struct ShapeRow {
  std::string label;
  Shape input;
  LayerConfig layer;
  Shape output;
  std::int64_t parameters;
};

TEST_F(ModelTest, LayersGiveTheirShapes) {
  using Pair = std::vector<std::int64_t>;
  const auto conv = [](Fields fields) { return LayerConfig{.type = "conv2d", .fields = std::move(fields)}; };
  const Pair three{3, 3}, two{2, 2};
  const ShapeRow table[] = {
      {"dense", Shape{5}, dense(7), Shape{7}, 42},
      {"dense without bias",
       Shape{5},
       {.type = "dense", .fields = {{"units", std::int64_t{7}}, {"bias", false}}},
       Shape{7},
       35},
      {"dense on the last axis", Shape{4, 5}, dense(7), Shape{4, 7}, 42},
      {"conv2d", Shape{3, 8, 6}, conv({{"filters", std::int64_t{4}}, {"kernel", three}}), Shape{4, 6, 4},
       112},
      {"conv2d same", Shape{3, 8, 6},
       conv({{"filters", std::int64_t{4}}, {"kernel", three}, {"padding", std::string("same")}}),
       Shape{4, 8, 6}, 112},
      {"conv2d same, stride", Shape{3, 7, 6},
       conv({{"filters", std::int64_t{4}},
             {"kernel", three},
             {"stride", two},
             {"padding", std::string("same")}}),
       Shape{4, 4, 3}, 112},
      {"conv2d padded at one side", Shape{3, 7, 6},
       conv({{"filters", std::int64_t{4}}, {"kernel", three}, {"padding", Pair{0, 1, 0, 2}}}), Shape{4, 6, 6},
       112},
      {"conv2d dilated", Shape{3, 7, 6},
       conv({{"filters", std::int64_t{4}}, {"kernel", three}, {"dilation", two}}), Shape{4, 3, 2}, 112},
      {"conv2d depthwise", Shape{3, 7, 6},
       conv({{"filters", std::int64_t{6}}, {"kernel", three}, {"groups", std::int64_t{3}}, {"bias", false}}),
       Shape{6, 5, 4}, 54},
      {"max_pool2d", Shape{3, 7, 6}, {.type = "max_pool2d", .fields = {{"size", two}}}, Shape{3, 3, 3}, 0},
      {"max_pool2d same",
       Shape{3, 7, 6},
       {.type = "max_pool2d", .fields = {{"size", three}, {"stride", two}, {"padding", std::string("same")}}},
       Shape{3, 4, 3},
       0},
      {"avg_pool2d",
       Shape{3, 7, 6},
       {.type = "avg_pool2d",
        .fields = {{"size", three}, {"stride", Pair{1, 1}}, {"padding", Pair{1, 1, 1, 1}}}},
       Shape{3, 7, 6},
       0},
      {"global_avg_pool", Shape{3, 7, 6}, {.type = "global_avg_pool"}, Shape{3}, 0},
      {"flatten", Shape{3, 7, 6}, {.type = "flatten"}, Shape{126}, 0},
      {"reshape", Shape{3, 7, 6}, {.type = "reshape", .fields = {{"shape", Pair{9, -1}}}}, Shape{9, 14}, 0},
      {"batch_norm of features", Shape{5}, {.type = "batch_norm"}, Shape{5}, 10},
      {"batch_norm of images", Shape{3, 7, 6}, {.type = "batch_norm"}, Shape{3, 7, 6}, 6},
      {"batch_norm without affine",
       Shape{5},
       {.type = "batch_norm", .fields = {{"affine", false}}},
       Shape{5},
       0},
      {"layer_norm", Shape{3, 4}, {.type = "layer_norm"}, Shape{3, 4}, 24},
      {"layer_norm of the last axis",
       Shape{3, 4},
       {.type = "layer_norm", .fields = {{"axes", Pair{-1}}}},
       Shape{3, 4},
       8},
      {"dropout", Shape{3, 4}, {.type = "dropout", .fields = {{"rate", 0.5}}}, Shape{3, 4}, 0},
      {"leaky_relu", Shape{3, 4}, {.type = "leaky_relu", .fields = {{"slope", 0.1}}}, Shape{3, 4}, 0},
      {"softmax", Shape{3, 4}, {.type = "softmax"}, Shape{3, 4}, 0},
      {"log_softmax",
       Shape{3, 4},
       {.type = "log_softmax", .fields = {{"axis", std::int64_t{1}}}},
       Shape{3, 4},
       0},
      {"add, with an extent that repeats",
       Shape{3, 1},
       {.type = "add", .inputs = {"input", "input"}},
       Shape{3, 1},
       0},
      {"concat", Shape{3, 4}, {.type = "concat", .inputs = {"input", "input", "input"}}, Shape{9, 4}, 0},
      {"concat of the last axis",
       Shape{3, 4},
       {.type = "concat", .inputs = {"input", "input"}, .fields = {{"axis", std::int64_t{-1}}}},
       Shape{3, 8},
       0},
      {"residual", Shape{5}, {.type = "residual", .layers = {dense(2), dense(5)}}, Shape{5}, 27},
      {"embedding",
       Shape{3},
       {.type = "embedding", .fields = {{"count", std::int64_t{11}}, {"units", std::int64_t{4}}}},
       Shape{3, 4},
       44},
  };
  for (const ShapeRow& row : table) {
    SCOPED_TRACE(row.label);
    const Model built = model(row.input, {row.layer});
    EXPECT_EQ(built.layers().back().output, row.output);
    EXPECT_EQ(built.parameter_count(), row.parameters);
    for (const std::int64_t batch : {2, 3}) {
      const Graph graph = built.inference_graph(batch, DType::f32);
      EXPECT_EQ(graph.spec(graph.find_output("prediction")), built.prediction_spec(batch, DType::f32));
      built.training_graph(batch, DType::f64);
      built.trace_graph(batch, DType::quad);
    }
  }
}

TEST_F(ModelTest, EveryBuiltInLayerIsInTheTableAbove) {
  Names unseen;
  for (const auto& [name, entry] : registry_.layers.entries()) {
    const OpDef* op = registry_.ops.find(name);
    if (op == nullptr || !op->activation) unseen.push_back(name);
  }
  EXPECT_EQ(unseen, (Names{"add", "avg_pool2d", "batch_norm", "concat", "conv2d", "dense", "dropout",
                           "embedding", "flatten", "global_avg_pool", "layer_norm", "log_softmax",
                           "max_pool2d", "multiply", "reshape", "residual", "softmax"}));
}

TEST_F(ModelTest, StatesHaveNamesKindsAndFans) {
  const Model network = model(Shape{2, 6, 6},
                              {{.type = "conv2d",
                                .name = "conv1",
                                .fields = {{"filters", std::int64_t{4}},
                                           {"kernel", std::vector<std::int64_t>{3, 2}},
                                           {"groups", std::int64_t{2}}},
                                .init = {{"weight", {.type = "he_normal"}}}},
                               {.type = "batch_norm"},
                               {.type = "flatten"},
                               dense(3)},
                              "softmax_cross_entropy", {.type = "adam"});
  EXPECT_EQ(names_of(network.states()), (Names{"conv1.weight",
                                               "conv1.bias",
                                               "batch_norm1.weight",
                                               "batch_norm1.bias",
                                               "batch_norm1.running_mean",
                                               "batch_norm1.running_var",
                                               "dense1.weight",
                                               "dense1.bias",
                                               "optimizer/first_moment/conv1.weight",
                                               "optimizer/second_moment/conv1.weight",
                                               "optimizer/first_moment/conv1.bias",
                                               "optimizer/second_moment/conv1.bias",
                                               "optimizer/first_moment/batch_norm1.weight",
                                               "optimizer/second_moment/batch_norm1.weight",
                                               "optimizer/first_moment/batch_norm1.bias",
                                               "optimizer/second_moment/batch_norm1.bias",
                                               "optimizer/first_moment/dense1.weight",
                                               "optimizer/second_moment/dense1.weight",
                                               "optimizer/first_moment/dense1.bias",
                                               "optimizer/second_moment/dense1.bias"}));
  const auto states = network.states();
  EXPECT_EQ(states[0].shape, (Shape{4, 1, 3, 2}));
  EXPECT_EQ(states[0].initializer.type, "he_normal");
  EXPECT_EQ(states[0].fans.in, 6);    // one channel per group, 3 × 2
  EXPECT_EQ(states[0].fans.out, 24);  // four filters, 3 × 2
  EXPECT_EQ(states[1].initializer.type, "fan_in_uniform");
  EXPECT_EQ(states[1].fans.in, 6);
  EXPECT_EQ(states[4].kind, StateKind::statistic);
  EXPECT_EQ(states[6].fans.in, 4 * 4 * 5);
  EXPECT_EQ(states[8].kind, StateKind::slot);
  EXPECT_EQ(states[8].layer, "conv1");
  EXPECT_EQ(to_doubles(network.initial_value(states[4], 0, DType::f32).view()),
            (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(to_doubles(network.initial_value(states[5], 0, DType::f32).view()),
            (std::vector<double>{1, 1, 1, 1}));
  EXPECT_EQ(to_doubles(network.initial_value(states[11], 0, DType::f64).view()),
            (std::vector<double>{0, 0, 0, 0}));

  const Names all_but_nothing = names_of(states);
  Names updated = updates_of(network.training_graph(2, DType::f32));
  EXPECT_EQ(updated.size(), all_but_nothing.size());
  EXPECT_TRUE(std::ranges::is_permutation(updated, all_but_nothing));
}

TEST_F(ModelTest, RunningStatisticsBelongToInferenceAndToTheTrace) {
  const Model network = model(Shape{3}, {{.type = "batch_norm"}});
  EXPECT_EQ(count_of(network.inference_graph(2, DType::f32), "batch_norm_inference"), 1);
  EXPECT_EQ(count_of(network.inference_graph(2, DType::f32), "batch_norm"), 0);
  const Graph trace = network.trace_graph(2, DType::f32);
  EXPECT_EQ(count_of(trace, "batch_norm"), 1);
  EXPECT_GE(trace.find_output("batch_norm1.running_mean").node, 0);
  EXPECT_LT(trace.find_output("grad/batch_norm1.running_mean").node, 0);
}

TEST_F(ModelTest, DropoutIsKeyedByItsNameInTrainingAndGoneInInference) {
  const LayerConfig drop{.type = "dropout", .fields = {{"rate", 0.5}}};
  const Model network = model(Shape{3}, {drop, drop});
  const Graph training = network.training_graph(2, DType::f32);
  std::vector<std::int64_t> streams;
  for (const Node& node : training.nodes()) {
    if (node.label() == "dropout") streams.push_back(node.fields.integer("stream"));
  }
  ASSERT_EQ(streams.size(), 2u);
  EXPECT_NE(streams[0], streams[1]);
  EXPECT_EQ(count_of(network.inference_graph(2, DType::f32), "dropout"), 0);
  EXPECT_EQ(
      count_of(
          model(Shape{3}, {{.type = "dropout", .fields = {{"rate", 0.0}}}}).training_graph(2, DType::f32),
          "dropout"),
      0);
}

TEST_F(ModelTest, AnEmbeddingMakesTheInputIndices) {
  const LayerConfig table{.type = "embedding",
                          .fields = {{"count", std::int64_t{11}}, {"units", std::int64_t{4}}}};
  const Model network = model(Shape{3}, {table, {.type = "flatten"}, dense(2)});
  EXPECT_EQ(network.input_spec(5, DType::f32), (Spec{DType::i32, Shape{5, 3}}));
  EXPECT_EQ(network.index_limit(), 11);
  const Graph trace = network.trace_graph(2, DType::f32);
  EXPECT_LT(trace.find_output("grad/input").node, 0);
  EXPECT_GE(trace.find_output("grad/embedding1.weight").node, 0);
  EXPECT_EQ(model(Shape{3}, {dense(2)}).index_limit(), std::nullopt);
}

TEST_F(ModelTest, ABranchingModelSumsItsGradients) {
  const Model network = model(Shape{4}, {dense(4, "a"),
                                         dense(4, "b", {"input"}),
                                         {.type = "multiply", .name = "gate", .inputs = {"a", "b"}},
                                         {.type = "concat", .inputs = {"gate", "a", "input"}}});
  EXPECT_EQ(network.layers()[3].inputs, (Names{"gate", "a", "input"}));
  EXPECT_EQ(network.prediction_spec(2, DType::f32).shape, (Shape{2, 12}));
  const Graph trace = network.trace_graph(2, DType::f64);
  EXPECT_EQ(trace.spec(trace.find_output("grad/a.output")), (Spec{DType::f64, Shape{2, 4}}));
}

TEST_F(ModelTest, ClippingAddsOneFactorForAllGradients) {
  const ComponentConfig plain{.type = "sgd"}, clipped{.type = "sgd", .fields = {{"clip_norm", 1.0}}};
  EXPECT_EQ(count_of(model(Shape{3}, {dense(2)}, "half_squared_error", plain).training_graph(2, DType::f32),
                     "minimum"),
            0);
  EXPECT_EQ(count_of(model(Shape{3}, {dense(2)}, "half_squared_error", clipped).training_graph(2, DType::f32),
                     "minimum"),
            1);
}

TEST_F(ModelTest, SlotsFollowTheOptimizersSettings) {
  struct Row {
    ComponentConfig optimizer;
    Names slots;
  };
  const Row table[] = {
      {{.type = "sgd"}, {}},
      {{.type = "sgd", .fields = {{"momentum", 0.9}, {"nesterov", true}}},
       {"optimizer/velocity/dense1.weight"}},
      {{.type = "rmsprop"}, {"optimizer/mean_square/dense1.weight"}},
      {{.type = "rmsprop", .fields = {{"momentum", 0.9}}},
       {"optimizer/mean_square/dense1.weight", "optimizer/velocity/dense1.weight"}},
      {{.type = "adamw"}, {"optimizer/first_moment/dense1.weight", "optimizer/second_moment/dense1.weight"}}};
  for (const Row& row : table) {
    const Model network =
        model(Shape{3}, {{.type = "dense", .fields = {{"units", std::int64_t{2}}, {"bias", false}}}},
              "half_squared_error", row.optimizer);
    Names slots = names_of(network.states());
    slots.erase(slots.begin());
    EXPECT_EQ(slots, row.slots) << row.optimizer.type << row.optimizer.fields.to_string();
  }
}

TEST_F(ModelTest, APluginsLayerIsALayerLikeAnyOther) {
  LayerDef scale;
  scale.name = "scale";
  scale.build = [](LayerBuilder& layer) {
    return mul(layer.input(),
               layer.parameter("weight", without_batch(layer.input().shape()), {.type = "ones"}));
  };
  registry_.layers.add("scale", scale, "a plugin");
  const Model network = model(Shape{3}, {{.type = "scale"}});
  EXPECT_EQ(network.parameter_count(), 3);
  EXPECT_GE(network.trace_graph(2, DType::f32).find_output("grad/scale1.weight").node, 0);

  LayerDef total;
  total.name = "total";
  total.build = [](LayerBuilder& layer) { return sum(layer.input()); };
  registry_.layers.add("total", total, "a plugin");
  EXPECT_EQ(error_of(Shape{3}, {{.type = "total"}}),
            "error: the layer's output is f32[], but real numbers with the batch (2) as axis 0 are wanted\n"
            " = in: layer 'total1' (total)\n"
            " = help: this is a defect of the layer\n");
}

}  // namespace
}  // namespace assay
