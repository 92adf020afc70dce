// The oneDNN backend in whole programs: fusion, layouts of images and weights that persist through a training
// step, threads, refusals. All data are small integers and powers of two, on which every order of summation
// gives the same floats.
#ifdef ASSAY_WITH_ONEDNN
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "assay/core/random.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/activation.h"
#include "assay/ops/conv.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/linear.h"
#include "assay/ops/loss.h"
#include "assay/ops/movement.h"
#include "assay/ops/normalize.h"
#include "assay/ops/pool.h"
#include "assay/ops/reduce.h"
#include "assay/ops/update.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class OnednnBackend : public ::testing::Test {
 protected:
  OnednnBackend() { register_builtin(registry_); }

  std::unique_ptr<Backend> onednn(int threads, const Fields& fields = {}) const {
    return registry_.create_backend("onednn", fields, threads);
  }

  Registry registry_;
};

Fields window(std::int64_t size, std::int64_t stride) {
  return {{"size", std::vector<std::int64_t>{size, size}},
          {"stride", std::vector<std::int64_t>{stride, stride}}};
}

Fields padded(std::int64_t all_sides) {
  return {{"padding", std::vector<std::int64_t>{all_sides, all_sides, all_sides, all_sides}}};
}

// One training step of a small network with two convolutions (20 channels: a padded block), both kinds of
// pooling and two dense layers. Batch 4 and learning rate 1/4 keep every number a short dyadic fraction.
Graph training_step(const OpTable& ops) {
  Graph graph(ops);
  std::vector<Value> parameters;
  const auto parameter = [&](std::string_view name, const Shape& shape) {
    return parameters.emplace_back(graph.state(name, {DType::f32, shape}));
  };
  const Value x = graph.input("x", {DType::f32, {4, 3, 8, 8}});
  const Value target = graph.input("target", {DType::f32, {4, 5}});
  const Value rate = graph.input("rate", {DType::f32, {}});

  Value y = activate(
      "relu", conv2d(x, parameter("conv1.weight", {20, 3, 3, 3}), parameter("conv1.bias", {20}), padded(1)));
  y = max_pool2d(y, window(2, 2)).y;
  y = activate(
      "relu", conv2d(y, parameter("conv2.weight", {16, 20, 3, 3}), parameter("conv2.bias", {16}), padded(1)));
  y = avg_pool2d(y, window(2, 2));
  y = reshape(y, Shape{4, 64});
  y = activate("relu", linear(y, parameter("dense1.weight", {8, 64}), parameter("dense1.bias", {8})));
  y = linear(y, parameter("dense2.weight", {5, 8}), parameter("dense2.bias", {5}));
  const Value loss = half_squared_error(y, target);

  const Cotangents cotangents = differentiate(loss, parameters);
  for (const Value& p : parameters) graph.update(p, sgd_update(p, cotangents.find(p), rate));
  graph.output("prediction", y);
  return graph;
}

// A state or an input gets integers in [−range, range], the same for every backend.
void fill(const TensorView& view, std::uint32_t stream, int range) {
  for (std::int64_t i = 0; i < view.spec.count(); ++i) {
    const std::uint32_t word = random_bits({1, stream}, 0, 0, static_cast<std::uint32_t>(i))[0];
    view.as<float>()[static_cast<std::size_t>(i)] =
        static_cast<float>(static_cast<int>(word % static_cast<std::uint32_t>(2 * range + 1)) - range);
  }
}

struct Trained {
  std::map<std::string, Tensor> values;  // the states after the step, and the prediction
  std::string table;
};

Trained train(const Graph& graph, std::vector<const Backend*> backends, const CompileOptions& options = {}) {
  StateStore states;
  Arena arena;
  Program program = Program::compile(graph, backends, states, arena, options);
  std::uint32_t stream = 10;
  for (const StateStore::Entry& entry : states.entries()) {
    Tensor initial(entry.spec);
    fill(initial.view(), stream++, 1);
    states.write(entry.name, initial.view());
  }
  fill(program.input("x"), 1, 2);
  fill(program.input("target"), 2, 3);
  *program.input("rate").as<float>().data() = 0.25f;
  program.run();
  Trained result{{}, to_string(program.placements())};
  const TensorView prediction = program.output("prediction");
  result.values["prediction"] = Tensor(prediction.spec);
  convert(prediction, result.values["prediction"].view());
  for (const StateStore::Entry& entry : states.entries()) result.values[entry.name] = states.read(entry.name);
  return result;
}

void expect_same_bits(const Trained& got, const Trained& want, std::string_view what) {
  for (const auto& [name, tensor] : want.values) {
    const Tensor& other = got.values.at(name);
    for (std::int64_t i = 0; i < tensor.count(); ++i) {
      // Equal numbers: the sign of a zero is nobody's promise.
      ASSERT_EQ(element(other.view(), i), element(tensor.view(), i))
          << what << ": " << name << "[" << i << "]";
    }
  }
}

// Whether the library multiplies by its "brgemm", as it does from AVX-512 on: by gemm, a weight is added to
// more than once, and lies as well the one way as the other.
bool has_blocked_products(const Backend& backend) {
  return backend.description().find(" on avx512_core") != std::string::npos;
}

TEST_F(OnednnBackend, TrainsAsTheReferenceDoesAtAnyNumberOfThreads) {
  const Graph graph = training_step(registry_.ops);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const Trained want = train(graph, {reference.get()});
  for (const int threads : {1, 2, 3}) {
    const auto backend = onednn(threads);
    const Trained got = train(graph, {backend.get(), reference.get()});
    expect_same_bits(got, want, backend->description());
    const Trained unfused = train(graph, {backend.get(), reference.get()}, {.fuse = false});
    expect_same_bits(unfused, want, "without fusion");
    EXPECT_THAT(got.table, HasSubstr("onednn.conv2d+relu."));
    EXPECT_THAT(got.table, HasSubstr("onednn.linear+relu."));
    EXPECT_EQ(got.table.find("onednn.matmul+sgd_update.") != std::string::npos,
              has_blocked_products(*backend));
    EXPECT_THAT(got.table, HasSubstr("onednn.max_pool2d_grad+relu_grad."));
    EXPECT_THAT(unfused.table, ::testing::Not(HasSubstr("+relu")));
    EXPECT_THAT(unfused.table, ::testing::Not(HasSubstr("+sgd_update")));
  }
}

// A gradient that somebody else reads has to be made, and a decayed weight is read once more.
TEST_F(OnednnBackend, UpdatesAWeightInItsProductOnlyWhereNothingElseIsAsked) {
  const auto backend = onednn(1);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const std::vector<const Backend*> backends{backend.get(), reference.get()};
  const auto table = [&](double weight_decay, bool wanted) {
    Graph graph(registry_.ops);
    const Value x = graph.input("x", {DType::f32, {8, 6}}),
                delta = graph.input("delta", {DType::f32, {8, 5}});
    const Value rate = graph.input("rate", {DType::f32, {}}), w = graph.state("w", {DType::f32, {5, 6}});
    const Value gradient = matmul(delta, x, true);
    graph.update(w, sgd_update(w, gradient, rate, {{"weight_decay", weight_decay}}));
    if (wanted) graph.output("gradient", gradient);
    StateStore states;
    Arena arena;
    return to_string(Program::compile(graph, backends, states, arena).placements());
  };
  EXPECT_EQ(table(0, false).find("matmul+sgd_update") != std::string::npos, has_blocked_products(*backend));
  EXPECT_THAT(table(0, true), ::testing::Not(HasSubstr("matmul+sgd_update")));
  EXPECT_THAT(table(0.5, false), ::testing::Not(HasSubstr("matmul+sgd_update")));
}

TEST_F(OnednnBackend, FallsBackNowhereInASmallNetwork) {
  const auto backend = onednn(1);
  const auto reference = registry_.create_backend("reference", {}, 1);
  EXPECT_NO_THROW(
      train(training_step(registry_.ops), {backend.get(), reference.get()}, {.fallback = Fallback::forbid}));
}

// Images stay in blocked channels between convolutions and pools: the only reorders are around the
// flattening, and that of a weight that the derivative wants the other way around.
TEST_F(OnednnBackend, KeepsLayoutsThroughATrainingStep) {
  const auto backend = onednn(1);
  const std::string processor = backend->description();
  if (processor.find("on avx2,") == std::string::npos &&
      processor.find("on avx512_core") == std::string::npos) {
    GTEST_SKIP() << "without AVX2, oneDNN's convolutions leave images canonical";
  }
  const auto reference = registry_.create_backend("reference", {}, 1);
  const std::vector<const Backend*> backends{backend.get(), reference.get()};
  StateStore states;
  Arena arena;
  const Program program = Program::compile(training_step(registry_.ops), backends, states, arena);
  EXPECT_LE(program.memory().reorders, 3) << to_string(program.placements());
  EXPECT_FALSE(states.find("conv2.weight")->layout.canonical());
}

// Two dense layers, the second of which takes its derivative on to the first. The names are those that
// train() fills.
template <class Update>
Graph dense_step(const OpTable& ops, const Update& update) {
  Graph graph(ops);
  std::vector<Value> parameters;
  const auto parameter = [&](std::string_view name, const Shape& shape) {
    return parameters.emplace_back(graph.state(name, {DType::f32, shape}));
  };
  const Value x = graph.input("x", {DType::f32, {4, 6}});
  const Value target = graph.input("target", {DType::f32, {4, 5}});
  const Value rate = graph.input("rate", {DType::f32, {}});
  Value y = activate("relu", linear(x, parameter("dense1.weight", {8, 6}), parameter("dense1.bias", {8})));
  y = linear(y, parameter("dense2.weight", {5, 8}), parameter("dense2.bias", {5}));
  const Cotangents cotangents = differentiate(half_squared_error(y, target), parameters);
  for (const Value& p : parameters) graph.update(p, update(p, cotangents.find(p), rate));
  graph.output("prediction", y);
  return graph;
}

// A first layer's weight is multiplied once, and lies as that product likes it; what changes it is made so.
TEST_F(OnednnBackend, StoresTheWeightOfAFirstLayerTransposed) {
  const auto backend = onednn(2);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const std::vector<const Backend*> backends{backend.get(), reference.get()};
  const auto plain = [](Value w, Value g, Value rate) { return sgd_update(w, g, rate); };
  const auto decayed = [](Value w, Value g, Value rate) {
    return sgd_update(w, g, rate, {{"weight_decay", 0.5}});
  };
  const auto scaled = [](Value w, Value g, Value rate) {
    const Value half = w.graph().constant(0.5, DType::f32);
    return add(sgd_update(w, mul(g, half), rate, {{"weight_decay", 0.5}}), mul(w, half));
  };
  // As clipping does, by a factor that depends on the gradient; here it is 1/4 · 1.
  const auto clipped = [](Value w, Value g, Value rate) {
    const Value squares = sum(mul(g, g));
    return sgd_update(w, mul(g, add(rate, mul(squares, w.graph().constant(0.0, DType::f32)))), rate);
  };
  for (const Graph& graph : {dense_step(registry_.ops, plain), dense_step(registry_.ops, decayed),
                             dense_step(registry_.ops, clipped)}) {
    StateStore states;
    Arena arena;
    const Program program = Program::compile(graph, backends, states, arena);
    EXPECT_EQ(program.memory().reorders, 0) << to_string(program.placements());
    EXPECT_EQ(states.find("dense1.weight")->layout.canonical(), !has_blocked_products(*backend));
    EXPECT_TRUE(states.find("dense2.weight")->layout.canonical());
    expect_same_bits(train(graph, backends), train(graph, {reference.get()}),
                     to_string(program.placements()));
  }
  // Here the weight has a third reader.
  StateStore states;
  Arena arena;
  Program::compile(dense_step(registry_.ops, scaled), backends, states, arena);
  EXPECT_TRUE(states.find("dense1.weight")->layout.canonical());
}

// A derivative by the input, in a program that comes later, reads the weight as it lies.
TEST_F(OnednnBackend, MultipliesByATransposedWeight) {
  const auto backend = onednn(1);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const auto later = [&](std::vector<const Backend*> backends) {
    StateStore states;
    Arena arena, other;
    Program::compile(
        dense_step(registry_.ops, [](Value w, Value g, Value rate) { return sgd_update(w, g, rate); }),
        backends, states, arena);
    Tensor weight({DType::f32, {8, 6}});
    fill(weight.view(), 3, 2);
    states.write("dense1.weight", weight.view());
    Graph graph(registry_.ops);
    const Value w = graph.state("dense1.weight", {DType::f32, {8, 6}});
    const Value delta = graph.input("delta", {DType::f32, {4, 8}});
    graph.output("to_input", matmul(delta, w));
    graph.output("square", matmul(w, w, true));
    Program program = Program::compile(graph, backends, states, other);
    EXPECT_EQ(program.memory().reorders, 0) << to_string(program.placements());
    fill(program.input("delta"), 4, 2);
    program.run();
    std::vector<double> all = to_doubles(program.output("to_input"));
    for (const double x : to_doubles(program.output("square"))) all.push_back(x);
    return all;
  };
  EXPECT_EQ(later({backend.get(), reference.get()}), later({reference.get()}));
}

TEST_F(OnednnBackend, RunsTwiceToTheSameBits) {
  const Graph graph = training_step(registry_.ops);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const auto first = onednn(2), second = onednn(2);
  expect_same_bits(train(graph, {first.get(), reference.get()}),
                   train(graph, {second.get(), reference.get()}), "another backend object");
}

// A program of another batch size shares the states, in the layouts that the first program chose.
TEST_F(OnednnBackend, SharesStatesWithAProgramOfAnotherBatch) {
  const auto backend = onednn(1);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const std::vector<const Backend*> backends{backend.get(), reference.get()}, plain{reference.get()};
  const auto inference = [&](std::int64_t batch) {
    Graph graph(registry_.ops);
    const Value x = graph.input("x", {DType::f32, {batch, 20, 4, 4}});
    const Value weight = graph.state("weight", {DType::f32, {16, 20, 3, 3}});
    graph.output("y", activate("relu", conv2d(x, weight, {}, padded(1))));
    return graph;
  };
  StateStore states, plain_states;
  Arena arena, plain_arena;
  Program::compile(inference(4), backends, states, arena);
  Program small = Program::compile(inference(3), backends, states, arena);
  Program expected = Program::compile(inference(3), plain, plain_states, plain_arena);
  Tensor weight({DType::f32, {16, 20, 3, 3}});
  fill(weight.view(), 1, 2);
  states.write("weight", weight.view());
  plain_states.write("weight", weight.view());
  for (Program* program : {&small, &expected}) {
    fill(program->input("x"), 2, 2);
    program->run();
  }
  EXPECT_EQ(to_doubles(small.output("y")), to_doubles(expected.output("y")));
}

// Statistics have readers of their own, which stand between the normalisation and relu.
TEST_F(OnednnBackend, FusesReluBehindANormalisationWhoseStatisticsAreRead) {
  const auto backend = onednn(1);
  const auto reference = registry_.create_backend("reference", {}, 1);
  const std::vector<const Backend*> backends{backend.get(), reference.get()};
  Graph graph(registry_.ops);
  const Value x = graph.input("x", {DType::f32, {4, 16, 5, 3}});
  const Value running = graph.state("running", {DType::f32, {16}});
  const Normalized normal =
      batch_norm(x, graph.input("weight", {DType::f32, {16}}), graph.input("bias", {DType::f32, {16}}), 1e-5);
  graph.update(running, sub(running, normal.mean));
  graph.output("variance", scale(normal.variance, 2.0));
  graph.output("y", activate("relu", normal.y));

  std::map<std::string, std::vector<double>> values[2];
  for (const bool fuse : {false, true}) {
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena, {.fuse = fuse});
    EXPECT_EQ(to_string(program.placements()).find("batch_norm+relu") != std::string::npos, fuse);
    std::uint32_t stream = 1;
    for (const char* input : {"x", "weight", "bias"}) fill(program.input(input), stream++, 3);
    program.run();
    for (const char* output : {"variance", "y"}) values[fuse][output] = to_doubles(program.output(output));
    values[fuse]["running"] = to_doubles(states.read("running").view());
  }
  EXPECT_EQ(values[0], values[1]);
}

Offer offer_for(const Backend& backend, Graph& graph, Value result) {
  const std::int32_t nodes[] = {result.id().node};
  return backend.offer(make_site(graph, nodes).site);
}

TEST_F(OnednnBackend, RefusesWithAReason) {
  Graph graph(registry_.ops);
  const auto backend = onednn(1);
  const auto reason = [&](Value result) {
    const Offer offer = offer_for(*backend, graph, result);
    return std::holds_alternative<Refusal>(offer) ? std::get<Refusal>(offer).reason : "taken";
  };
  const Value wide = graph.input("wide", {DType::f64, {4}});
  const Value none = graph.input("none", {DType::f32, {0, 4}});
  const Value some = graph.input("some", {DType::f32, {4, 4}});
  EXPECT_EQ(reason(activate("relu", wide)), "dtype f64 (this backend has f32 only)");
  EXPECT_EQ(reason(activate("relu", none)), "an operand without elements");
  EXPECT_THAT(reason(activate("gelu", some)), HasSubstr("gelu"));
  EXPECT_THAT(reason(activate("hard_sigmoid", some)), HasSubstr("no kernel for op 'hard_sigmoid'"));
  EXPECT_EQ(reason(activate("relu", some)), "taken");
}

// Winograd evaluates another formula: off unless asked for, and declared where it is taken.
TEST_F(OnednnBackend, DeclaresWinograd) {
  Graph graph(registry_.ops);
  const Value x = graph.input("x", {DType::f32, {8, 64, 32, 32}});
  const Value weight = graph.state("weight", {DType::f32, {64, 64, 3, 3}});
  const Value y = conv2d(x, weight, {}, padded(1));
  const auto algebra = [&](const Fields& fields) {
    const auto backend = onednn(1, fields);
    const Offer offer = offer_for(*backend, graph, y);
    const Plan& plan = std::get<Plan>(offer);
    EXPECT_EQ(plan.implementation.find("wino") != std::string::npos, !plan.accuracy.algebra.name.empty())
        << plan.implementation;
    return plan.accuracy.algebra.name;
  };
  EXPECT_EQ(algebra({}), "");
  const std::string with = algebra({{"winograd", true}});
  EXPECT_TRUE(with == "winograd" || with.empty()) << with;  // empty where the processor's code has none
}

TEST_F(OnednnBackend, AsksThePluginsKernelsFirst) {
  registry_.kernels("onednn").add(
      "relu",
      [](const Site& site) -> Offer {
        if (site.input(0).count() > 8) return Refusal{"too large for the plugin"};
        return make_plan("plugin.relu", [](const Io&) {});
      },
      "plugin");
  Graph graph(registry_.ops);
  const auto backend = onednn(1);
  const auto implementation = [&](const Shape& shape) {
    const Value x = graph.input(shape.to_string(), {DType::f32, shape});
    return std::get<Plan>(offer_for(*backend, graph, activate("relu", x))).implementation;
  };
  EXPECT_EQ(implementation({8}), "plugin.relu");
  EXPECT_THAT(implementation({9}), HasSubstr("onednn.relu."));
}

}  // namespace
}  // namespace assay
#endif
