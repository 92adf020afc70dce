// Models computed by the reference backend: the article's worked example against its formulas, exact
// gradients through merges, running statistics, dropout, one state shared by training and inference.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assay/core/quad.h"
#include "assay/core/random.h"
#include "assay/program/program.h"
#include "layers_model.h"

namespace assay {
namespace {

using Values = std::vector<double>;

// A number that a computation with unit roundoff u gives within `error` of `value`: running error analysis
// (Higham 2002, section 3.3).
struct Bounded {
  Quad value = 0;
  Quad error = 0;
};

class Paper {
 public:
  explicit Paper(DType dtype) : u_(dtype == DType::f32 ? 0x1p-24 : 0x1p-53) {}

  Bounded sum(const std::vector<Bounded>& terms) const {
    Bounded total;
    Quad absolute = 0;
    for (const Bounded& term : terms) {
      total.value += term.value;
      total.error += term.error;
      absolute += abs(term.value) + term.error;
    }
    total.error += gamma(static_cast<int>(terms.size())) * absolute;  // in any order, from a zero or not
    return total;
  }
  Bounded product(const Bounded& a, const Bounded& b) const {
    const Quad value = a.value * b.value;
    const Quad carried = abs(a.value) * b.error + abs(b.value) * a.error + a.error * b.error;
    return {value, carried + gamma(1) * (abs(value) + carried)};
  }
  // σ is Lipschitz with 1/4. It is evaluated as e/(1 + e) or 1/(1 + e) with e = exp(±z) of glibc, below one
  // ulp or 2 u off: at most 2 u of e, 3 u of 1 + e and u of the quotient.
  Bounded sigmoid(const Bounded& z) const {
    const Quad value = assay::sigmoid(z.value);
    const Quad carried = z.error * Quad(0.25);
    return {value, carried + gamma(6) * (value + carried)};
  }
  // σ′ from the output: y (1 − y).
  Bounded slope(const Bounded& y) const { return product(y, sum({{Quad(1)}, {-y.value, y.error}})); }

 private:
  Quad gamma(int k) const { return Quad(k) * u_ / (Quad(1) - Quad(k) * u_); }
  Quad u_;
};

Bounded exactly(double x) { return {Quad(x)}; }

struct Row {
  std::string name;
  std::vector<Bounded> expected;
  std::vector<std::string> printed;  // as the article prints it, where it does
};

// Article, "Detailed Example": x = 2, y = 1.
std::vector<Row> worked_on_paper(const ReferenceRun& run, const Paper& paper) {
  const auto parameter = [&](double x) { return exactly(run.rounded(x)); };
  const Bounded x = exactly(2), y = exactly(1);
  const Bounded w1[] = {parameter(0.5), parameter(-0.3)}, b1[] = {parameter(0.1), parameter(-0.2)};
  const Bounded w2[] = {parameter(0.8), parameter(-0.4)}, b2 = parameter(0.3);

  const Bounded z1[] = {paper.sum({paper.product(w1[0], x), b1[0]}),
                        paper.sum({paper.product(w1[1], x), b1[1]})};
  const Bounded h[] = {paper.sigmoid(z1[0]), paper.sigmoid(z1[1])};
  const Bounded z2 = paper.sum({paper.product(w2[0], h[0]), paper.product(w2[1], h[1]), b2});
  const Bounded prediction = paper.sigmoid(z2);
  const Bounded residual = paper.sum({prediction, {-y.value}});
  const Bounded loss = paper.product(exactly(0.5), paper.product(residual, residual));

  const Bounded delta2 = paper.product(residual, paper.slope(prediction));
  const Bounded dh[] = {paper.product(w2[0], delta2), paper.product(w2[1], delta2)};
  const Bounded delta1[] = {paper.product(dh[0], paper.slope(h[0])), paper.product(dh[1], paper.slope(h[1]))};
  return {
      {"input", {x}, {}},
      {"target", {y}, {}},
      {"hidden.output", {z1[0], z1[1]}, {"1.100", "-0.800"}},
      {"sigmoid1.output", {h[0], h[1]}, {"0.750", "0.310"}},
      {"out.output", {z2}, {"0.776"}},
      {"sigmoid2.output", {prediction}, {"0.685"}},
      {"loss", {loss}, {"0.050"}},
      {"grad/sigmoid2.output", {residual}, {}},
      {"grad/out.output", {delta2}, {"-0.068"}},
      {"grad/out.weight", {paper.product(delta2, h[0]), paper.product(delta2, h[1])}, {"-0.051", "-0.021"}},
      {"grad/out.bias", {delta2}, {"-0.068"}},
      {"grad/sigmoid1.output", {dh[0], dh[1]}, {"-0.054", "0.027"}},
      {"grad/hidden.output", {delta1[0], delta1[1]}, {"-0.010", "0.006"}},
      {"grad/hidden.weight", {paper.product(delta1[0], x), paper.product(delta1[1], x)}, {"-0.020", "0.012"}},
      {"grad/hidden.bias", {delta1[0], delta1[1]}, {"-0.010", "0.006"}},
      {"grad/input", {paper.sum({paper.product(w1[0], delta1[0]), paper.product(w1[1], delta1[1])})}, {}},
  };
}

class RunTest : public ::testing::Test {
 protected:
  RunTest() { register_builtin(registry_); }
  Registry registry_;
};

TEST_F(RunTest, TheWorkedExampleIsTheArticles) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Model model = worked_example(registry_);
    ReferenceRun run(registry_, model, dtype);
    Program trace = run.compile(model.trace_graph(1, dtype));
    run.set(trace, "input", {2});
    run.set(trace, "target", {1});
    trace.run();
    for (const Row& row : worked_on_paper(run, Paper(dtype))) {
      const Values actual = get(trace, row.name);
      ASSERT_EQ(actual.size(), row.expected.size()) << row.name;
      for (std::size_t i = 0; i < actual.size(); ++i) {
        EXPECT_LE(abs(Quad(actual[i]) - row.expected[i].value), row.expected[i].error)
            << name_of(dtype) << " " << row.name << " " << i << ": " << actual[i] << " for "
            << row.expected[i].value.to_string(20);
        if (!row.printed.empty()) {
          EXPECT_EQ(fmt::format("{:.3f}", actual[i]), row.printed[i]) << row.name;
        }
      }
    }
  }
}

TEST_F(RunTest, AStepMovesEveryParameterAgainstItsGradient) {
  const Model model = worked_example(registry_);
  ReferenceRun run(registry_, model, DType::f64);
  Program trace = run.compile(model.trace_graph(1, DType::f64));
  Program training = run.compile(model.training_graph(1, DType::f64));
  run.set(trace, "input", {2});
  run.set(trace, "target", {1});
  trace.run();
  std::vector<std::pair<std::string, Values>> expected;
  for (const StateInfo& state : model.states()) {
    Values next = run.state(state.name);
    const Values gradient = get(trace, "grad/" + state.name);
    for (std::size_t i = 0; i < next.size(); ++i) next[i] -= 0.1 * gradient[i];
    expected.emplace_back(state.name, next);
  }
  const Values loss = get(trace, "loss");

  run.set(training, "input", {2});
  run.set(training, "target", {1});
  run.set(training, "learning_rate", {0.1});
  run.set(training, "step", {1});
  training.run();
  EXPECT_EQ(get(training, "loss"), loss);
  for (const auto& [name, next] : expected) EXPECT_EQ(run.state(name), next) << name;
}

TEST_F(RunTest, EveryOptimizerLowersTheLoss) {
  const ComponentConfig optimizers[] = {{.type = "sgd"},
                                        {.type = "sgd", .fields = {{"momentum", 0.9}, {"nesterov", true}}},
                                        {.type = "sgd", .fields = {{"clip_norm", 0.01}}},
                                        {.type = "adam"},
                                        {.type = "adamw"},
                                        {.type = "rmsprop", .fields = {{"momentum", 0.5}}}};
  for (const ComponentConfig& optimizer : optimizers) {
    const Model model = worked_example(registry_, optimizer);
    ReferenceRun run(registry_, model, DType::f64);
    Program training = run.compile(model.training_graph(1, DType::f64));
    double first = 0, last = 0;
    for (int step = 1; step <= 20; ++step) {
      run.set(training, "input", {2});
      run.set(training, "target", {1});
      run.set(training, "learning_rate", {0.01});
      run.set(training, "step", {static_cast<double>(step)});
      training.run();
      last = get(training, "loss")[0];
      if (step == 1) first = last;
    }
    EXPECT_LT(last, first) << optimizer.type << optimizer.fields.to_string();
  }
}

// Integers, so every sum is exact: y = w x + x for x = 3 and w = 2, L = (y − 5)²/2 with y = 9.
TEST_F(RunTest, AResidualAddsBothPathsOfTheGradient) {
  LayerConfig inner{
      .type = "dense", .name = "inner", .fields = {{"units", std::int64_t{1}}, {"bias", false}}};
  inner.init = {{"weight", {.given = Array{Shape{1, 1}, {2}}}}};
  const Model model(registry_, {Shape{1}, {{.type = "residual", .layers = {inner}}}},
                    {.type = "half_squared_error"}, {.type = "sgd"});
  ReferenceRun run(registry_, model, DType::f64);
  Program trace = run.compile(model.trace_graph(1, DType::f64));
  run.set(trace, "input", {3});
  run.set(trace, "target", {5});
  trace.run();
  EXPECT_EQ(get(trace, "residual1.output"), Values{9});
  EXPECT_EQ(get(trace, "loss"), Values{8});
  EXPECT_EQ(get(trace, "grad/inner.weight"), Values{12});
  EXPECT_EQ(get(trace, "grad/input"), Values{4 * 2 + 4});
}

// y = (a ⊙ x, x) with a = 3 x, for x = 2: y = (12, 2), against (10, 1). L = (2² + 1²)/2.
TEST_F(RunTest, AValueReadTwiceSumsItsGradients) {
  LayerConfig a{.type = "dense", .name = "a", .fields = {{"units", std::int64_t{1}}, {"bias", false}}};
  a.init = {{"weight", {.given = Array{Shape{1, 1}, {3}}}}};
  const Model model(registry_,
                    {Shape{1},
                     {a,
                      {.type = "multiply", .inputs = {"a", "input"}},
                      {.type = "concat", .inputs = {"multiply1", "input"}}}},
                    {.type = "half_squared_error"}, {.type = "sgd"});
  ReferenceRun run(registry_, model, DType::f64);
  Program trace = run.compile(model.trace_graph(1, DType::f64));
  run.set(trace, "input", {2});
  run.set(trace, "target", {10, 1});
  trace.run();
  EXPECT_EQ(get(trace, "concat1.output"), (Values{12, 2}));
  EXPECT_EQ(get(trace, "loss"), Values{2.5});
  EXPECT_EQ(get(trace, "grad/concat1.output"), (Values{2, 1}));
  EXPECT_EQ(get(trace, "grad/a.output"), Values{4});
  EXPECT_EQ(get(trace, "grad/a.weight"), Values{8});
  EXPECT_EQ(get(trace, "grad/input"), Values{4 * 3 + 2 * 6 + 1});
}

// y = p(x) + x with p(x) = x, for x = 3, against 5: one path of two leads through the layer.
TEST_F(RunTest, ALayerThatChangesNothingHasAGradientOfItsOwn) {
  const LayerConfig layers[] = {
      {.type = "identity"},
      {.type = "flatten"},
      {.type = "reshape", .fields = {{"shape", std::vector<std::int64_t>{1}}}},
      {.type = "dropout", .fields = {{"rate", 0.0}}},
  };
  for (LayerConfig layer : layers) {
    SCOPED_TRACE(layer.type);
    layer.name = "p";
    const Model model(registry_, {Shape{1}, {layer, {.type = "add", .inputs = {"p", "input"}}}},
                      {.type = "half_squared_error"}, {.type = "sgd"});
    ReferenceRun run(registry_, model, DType::f64);
    Program trace = run.compile(model.trace_graph(1, DType::f64));
    run.set(trace, "input", {3});
    run.set(trace, "target", {5});
    trace.run();
    EXPECT_EQ(get(trace, "p.output"), Values{3});
    EXPECT_EQ(get(trace, "grad/p.output"), Values{1});
    EXPECT_EQ(get(trace, "grad/input"), Values{2});
  }
}

// One channel with values 1 and 3: mean 2, variance 1, unbiased 2.
TEST_F(RunTest, RunningStatisticsAreUnbiasedAndServeInference) {
  const Model model(registry_, {Shape{1}, {{.type = "batch_norm"}}}, {.type = "half_squared_error"},
                    {.type = "sgd"});
  ReferenceRun run(registry_, model, DType::f64);
  Program training = run.compile(model.training_graph(2, DType::f64));
  Program inference = run.compile(model.inference_graph(1, DType::f64));
  run.set(training, "input", {1, 3});
  run.set(training, "target", {0, 0});
  run.set(training, "learning_rate", {0});
  run.set(training, "step", {1});
  training.run();
  EXPECT_EQ(run.state("batch_norm1.running_mean"), Values{(1 - 0.1) * 0.0 + 0.1 * 2.0});
  EXPECT_EQ(run.state("batch_norm1.running_var"), Values{(1 - 0.1) * 1.0 + 0.1 * 2.0});

  run.write("batch_norm1.running_mean", Shape{1}, {2});
  run.write("batch_norm1.running_var", Shape{1}, {0.25 - 1e-5});
  run.set(inference, "input", {3});
  run.set(inference, "target", {0});
  inference.run();
  EXPECT_EQ(get(inference, "prediction"), Values{1 / std::sqrt((0.25 - 1e-5) + 1e-5)});
}

TEST_F(RunTest, DropoutDrawsByKeySampleAndLayer) {
  const Model model(registry_, {Shape{8}, {{.type = "dropout", .name = "drop", .fields = {{"rate", 0.5}}}}},
                    {.type = "half_squared_error"}, {.type = "sgd"});
  ReferenceRun run(registry_, model, DType::f64);
  Program trace = run.compile(model.trace_graph(2, DType::f64));
  const auto outputs = [&](const Values& key, const Values& samples) {
    run.set(trace, "input", Values(16, 1.0));
    run.set(trace, "target", Values(16, 0.0));
    run.set(trace, "key", key);
    run.set(trace, "sample", samples);
    trace.run();
    return get(trace, "drop.output");
  };
  const RandomStream stream{7, stream_id("layer/drop")};
  const Values actual = outputs({7, 0, 3}, {5, 9});
  for (std::uint32_t row = 0; row < 2; ++row) {
    for (std::uint32_t e = 0; e < 8; ++e) {
      const std::uint32_t word = random_bits(stream, 3, row == 0 ? 5 : 9, e / 4)[e % 4];
      EXPECT_EQ(actual[row * 8 + e], word >= 0x80000000u ? 2.0 : 0.0) << row << ", " << e;
    }
  }
  EXPECT_NE(outputs({7, 0, 4}, {5, 9}), actual);
  EXPECT_NE(outputs({8, 0, 3}, {5, 9}), actual);
}

}  // namespace
}  // namespace assay
