// Gradients of whole models, through every built-in layer and loss, by Taylor's theorem in quad: if g is the
// gradient, then R(h) = |f(x + h v) − f(x) − h g·v| falls with h², and with h if it is not.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "assay/core/quad.h"
#include "assay/core/random.h"
#include "layers_model.h"

namespace assay {
namespace {

using Integers = std::vector<std::int64_t>;

LayerConfig layer(std::string type, Fields fields = {}, std::vector<std::string> inputs = {}) {
  return {.type = std::move(type), .inputs = std::move(inputs), .fields = std::move(fields)};
}
LayerConfig conv(std::int64_t filters, Fields more) {
  Fields fields{{"filters", filters}, {"kernel", Integers{3, 3}}};
  for (const auto& [name, value] : more.items()) fields.set(name, value);
  return layer("conv2d", fields);
}

ModelConfig images() {
  LayerConfig block{
      .type = "residual",
      .layers = {conv(4, {{"padding", std::string("same")}, {"groups", std::int64_t{2}}, {"bias", false}}),
                 layer("batch_norm"), layer("silu"),
                 conv(4, {{"padding", Integers{2, 2, 2, 2}}, {"dilation", Integers{2, 2}}})}};
  return {Shape{2, 5, 6},
          {conv(4, {{"padding", std::string("same")}}), layer("batch_norm"), layer("gelu"),
           layer("max_pool2d",
                 {{"size", Integers{3, 3}}, {"stride", Integers{2, 2}}, {"padding", std::string("same")}}),
           block, layer("avg_pool2d", {{"size", Integers{2, 2}}, {"stride", Integers{1, 1}}}),
           layer("flatten"), layer("dropout", {{"rate", 0.25}}), layer("global_avg_pool", {}, {"residual1"}),
           layer("concat", {}, {"dropout1", "global_avg_pool1"}),
           layer("dense", {{"units", std::int64_t{6}}}), layer("layer_norm"), layer("sigmoid"),
           layer("multiply", {}, {"sigmoid1", "dense1"}), layer("dense", {{"units", std::int64_t{3}}})}};
}

ModelConfig sequences() {
  return {Shape{3},
          {layer("embedding", {{"count", std::int64_t{5}}, {"units", std::int64_t{4}}}),
           layer("layer_norm", {{"axes", Integers{-1}}, {"affine", false}}),
           layer("reshape", {{"shape", Integers{2, -1}}}), layer("softmax"),
           layer("log_softmax", {{"axis", std::int64_t{1}}}, {"reshape1"}),
           layer("add", {}, {"softmax1", "log_softmax1"}), layer("flatten"),
           layer("dense", {{"units", std::int64_t{2}}})}};
}

// Parameters, and a real input, by name; each moves along a random direction.
class Taylor {
 public:
  Taylor(const Registry& registry, const ModelConfig& config, const ComponentConfig& loss)
      : model_(registry, config, loss, {.type = "sgd"}),
        run_(registry, model_, DType::quad),
        trace_(run_.compile(model_.trace_graph(kBatch, DType::quad))) {
    for (const StateInfo& state : model_.states()) {
      if (state.kind != StateKind::parameter) continue;
      Tensor value = model_.initial_value(state, 3, DType::f64);
      const auto elements = value.as<double>();
      for (std::size_t i = 0; i < elements.size(); ++i) elements[i] += 0.25 * noise("off " + state.name, i);
      moved_.emplace_back(state.name, std::move(value));  // no γ is 1 and no β is 0
    }
    const Spec input = model_.input_spec(kBatch, DType::f64);
    if (!is_real(input.dtype)) return;
    moved_.emplace_back("input", Tensor(input));
    const auto values = moved_.back().second.as<double>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = noise("input", i);
  }

  // log2 of R(h) / R(h/2) for halvings of h.
  std::vector<double> orders() {
    const Quad at_rest = loss(0);
    Quad slope = 0;
    for (const auto& [name, value] : moved_) {
      const auto gradient = trace_.output("grad/" + name).as<Quad>();
      for (std::size_t i = 0; i < gradient.size(); ++i)
        slope += gradient[i] * Quad(noise("toward " + name, i));
    }
    EXPECT_FALSE(slope == Quad(0));
    std::vector<double> orders;
    Quad previous = 0;
    for (int k = 20; k < 24; ++k) {
      const Quad h = ldexp(Quad(1), -k);
      const Quad remainder = abs(loss(h) - at_rest - h * slope);
      if (k > 20) orders.push_back(std::log2(static_cast<double>(previous / remainder)));
      previous = remainder;
    }
    return orders;
  }

 private:
  static constexpr std::int64_t kBatch = 2;

  static double noise(const std::string& name, std::size_t i) {
    return random_normal({5, stream_id(name)}, 0, 0, static_cast<std::uint32_t>(i));
  }

  Quad loss(const Quad& h) {
    for (const auto& [name, value] : moved_) {
      Tensor there({DType::quad, value.shape()});
      for (std::size_t i = 0; i < there.as<Quad>().size(); ++i)
        there.as<Quad>()[i] = Quad(value.as<double>()[i]) + h * Quad(noise("toward " + name, i));
      if (name == "input") {
        convert(there.view(), trace_.input("input"));
      } else {
        run_.write(name, there.view());
      }
    }
    if (!is_real(trace_.input("input").spec.dtype)) run_.set(trace_, "input", {0, 4, 1, 2, 3, 3});
    run_.set(trace_, "key", {1, 2, 3});
    run_.set(trace_, "sample", {10, 11});
    const Spec target = model_.target_spec(kBatch, DType::quad);
    std::vector<double> targets(static_cast<std::size_t>(target.count()), 1.0);
    if (is_real(target.dtype)) {
      for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = sigmoid(noise("target", i));
    }
    run_.set(trace_, "target", targets);
    trace_.run();
    return trace_.output("loss").as<Quad>()[0];
  }

  Model model_;
  ReferenceRun run_;
  Program trace_;
  std::vector<std::pair<std::string, Tensor>> moved_;
};

class ModelGradientTest : public ::testing::Test {
 protected:
  ModelGradientTest() { register_builtin(registry_); }

  // The order is 2 + O(h), and 1 for a wrong gradient.
  void expect_gradient(const ModelConfig& config, const ComponentConfig& loss) {
    for (const double order : Taylor(registry_, config, loss).orders()) EXPECT_GE(order, 1.95) << loss.type;
  }

  Registry registry_;
};

TEST_F(ModelGradientTest, OfImages) {
  expect_gradient(images(), {.type = "softmax_cross_entropy", .fields = {{"label_smoothing", 0.1}}});
}

TEST_F(ModelGradientTest, OfSequencesUnderEveryOtherLoss) {
  for (const auto& [name, entry] : registry_.losses.entries()) {
    if (entry.value.target == TargetKind::numbers) expect_gradient(sequences(), {.type = name});
  }
}

void collect_types(const std::vector<LayerConfig>& layers, std::set<std::string>& types) {
  for (const LayerConfig& config : layers) {
    types.insert(config.type);
    collect_types(config.layers, types);
  }
}

TEST_F(ModelGradientTest, NoLayerIsLeftOut) {
  std::set<std::string> types;
  collect_types(images().layers, types);
  collect_types(sequences().layers, types);
  for (const auto& [name, entry] : registry_.layers.entries()) {
    const OpDef* op = registry_.ops.find(name);
    if (op != nullptr && op->activation) continue;
    EXPECT_TRUE(types.contains(name)) << name;
  }
}

}  // namespace
}  // namespace assay
