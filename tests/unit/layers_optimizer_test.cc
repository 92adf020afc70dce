// Clipping by the global norm, and the settings of the optimizers.
#include <gtest/gtest.h>

#include <cmath>

#include "assay/core/error.h"
#include "assay/layers/optimizer.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

class ClipTest : public ::testing::Test {
 protected:
  ClipTest() { register_builtin(registry_); }

  struct Clipped {
    double norm;
    std::vector<double> a, b;
  };
  // Clips the gradients a [2] and b [1, 1].
  Clipped clip(const std::vector<double>& a, const std::vector<double>& b, double limit) {
    Graph graph(registry_.ops);
    const Value gradients[] = {graph.input("a", {DType::f64, Shape{2}}),
                               graph.input("b", {DType::f64, Shape{1, 1}})};
    const Value norm = global_norm(gradients);
    const auto clipped = clip_by_global_norm(gradients, norm, limit);
    graph.output("norm", norm);
    graph.output("clipped a", clipped[0]);
    graph.output("clipped b", clipped[1]);
    const auto reference = registry_.create_backend("reference", {}, 1);
    const Backend* backends[] = {reference.get()};
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena);
    convert(Tensor::of(DType::f64, Shape{2}, a).view(), program.input("a"));
    convert(Tensor::of(DType::f64, Shape{1, 1}, b).view(), program.input("b"));
    program.run();
    return {element(program.output("norm"), 0), to_doubles(program.output("clipped a")),
            to_doubles(program.output("clipped b"))};
  }

  Registry registry_;
};

TEST_F(ClipTest, LeavesSmallGradientsAlone) {
  const Clipped small = clip({2, 3}, {6}, 8);
  EXPECT_EQ(small.norm, 7);
  EXPECT_EQ(small.a, (std::vector<double>{2, 3}));
  EXPECT_EQ(small.b, (std::vector<double>{6}));
}

TEST_F(ClipTest, ScalesLargeOnesTogetherByPyTorchsFactor) {
  const Clipped large = clip({2, 3}, {6}, 3.5);
  const double factor = 3.5 / (7.0 + 1e-6);
  EXPECT_EQ(large.a, (std::vector<double>{2 * factor, 3 * factor}));
  EXPECT_EQ(large.b, (std::vector<double>{6 * factor}));
}

TEST_F(ClipTest, TheNormShowsWhatIsNotFinite) {
  EXPECT_TRUE(std::isnan(clip({NAN, 1}, {1}, 1).norm));
  EXPECT_TRUE(std::isinf(clip({1, 1}, {-INFINITY}, 1).norm));
}

TEST(Optimizers, HaveALearningRateFirstAndMayClip) {
  Registry registry;
  register_builtin(registry);
  EXPECT_EQ(registry.optimizers.names(), (std::vector<std::string>{"adam", "adamw", "rmsprop", "sgd"}));
  for (const auto& [name, entry] : registry.optimizers.entries()) {
    EXPECT_EQ(entry.value.fields.front().name, "learning_rate") << name;
    EXPECT_EQ(entry.value.fields.back().name, "clip_norm") << name;
    const Fields defaults = complete(entry.value.fields, {}, name);
    EXPECT_EQ(defaults.find("clip_norm"), nullptr) << name;
  }
  EXPECT_THROW(complete(registry.optimizers.at("sgd").fields, {{"clip_norm", 0.0}}, "sgd"), Error);
  EXPECT_THROW(complete(registry.optimizers.at("adam").fields, {{"beta1", 1.0}}, "adam"), Error);
}

}  // namespace
}  // namespace assay
