// Programs compiled from small graphs: the article's worked example, state in place, memory sharing,
// fallbacks.
#include "assay/program/program.h"

#include <gtest/gtest.h>

#include <cstring>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/graph/simplify.h"
#include "assay/ops/activation.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/linear.h"
#include "assay/ops/movement.h"
#include "assay/ops/reduce.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    register_builtin(registry_);
    reference_ = registry_.create_backend("reference", {}, 1);
    backends_ = {reference_.get()};
  }

  Program compile(const Graph& graph, const CompileOptions& options = {}) {
    return Program::compile(graph, backends_, states_, arena_, options);
  }
  void set(Program& program, std::string_view name, std::vector<double> values) {
    const TensorView view = program.input(name);
    convert(Tensor::of(DType::f64, view.spec.shape, values).view(), view);
  }
  std::vector<double> get(Program& program, std::string_view name) {
    return to_doubles(program.output(name));
  }

  Registry registry_;
  std::unique_ptr<Backend> reference_;
  std::vector<const Backend*> backends_;
  StateStore states_;
  Arena arena_;
};

// The network of the article's "Detailed Example", with its loss and one step of gradient descent.
Graph worked_example(const OpTable& ops, DType dtype) {
  Graph graph(ops);
  const Value x = graph.input("x", {dtype, Shape{1, 1}});
  const Value y = graph.input("y", {dtype, Shape{1, 1}});
  const Value rate = graph.input("rate", {dtype, Shape{}});
  const Value w1 = graph.state("w1", {dtype, Shape{2, 1}}), b1 = graph.state("b1", {dtype, Shape{2}});
  const Value w2 = graph.state("w2", {dtype, Shape{1, 2}}), b2 = graph.state("b2", {dtype, Shape{1}});
  const Value h = activate("sigmoid", linear(x, w1, b1));
  const Value prediction = activate("sigmoid", linear(h, w2, b2));
  const Value residual = sub(prediction, y);
  const Value loss = scale(sum(mul(residual, residual)), 0.5);
  const Value wanted[] = {w1, b1, w2, b2};
  const Cotangents cotangents = differentiate(loss, wanted);
  graph.output("loss", loss);
  graph.output("prediction", prediction);
  const char* names[] = {"w1", "b1", "w2", "b2"};
  for (int i = 0; i < 4; ++i) {
    const Value gradient = cotangents.find(wanted[i]);
    graph.output(std::string("grad/") + names[i], gradient);
    graph.update(wanted[i], sub(wanted[i], mul(rate, gradient)));
  }
  return graph;
}

TEST_F(ProgramTest, ComputesTheWorkedExampleInQuad) {
  Program program = compile(worked_example(registry_.ops, DType::quad));
  const auto write = [&](const char* name, const Shape& shape, std::vector<double> values) {
    states_.write(name, Tensor::of(DType::f64, shape, values).view());
  };
  write("w1", Shape{2, 1}, {0.5, -0.3});
  write("b1", Shape{2}, {0.1, -0.2});
  write("w2", Shape{1, 2}, {0.8, -0.4});
  write("b2", Shape{1}, {0.3});
  set(program, "x", {2.0});
  set(program, "y", {1.0});
  set(program, "rate", {0.5});
  program.run();
  const auto rounded = [](double v) { return std::round(v * 1000.0) / 1000.0; };
  EXPECT_EQ(rounded(get(program, "prediction")[0]), 0.685);
  EXPECT_EQ(rounded(get(program, "loss")[0]), 0.050);
  EXPECT_EQ(rounded(get(program, "grad/w2")[0]), -0.051);
  EXPECT_EQ(rounded(get(program, "grad/w2")[1]), -0.021);
  EXPECT_EQ(rounded(get(program, "grad/b2")[0]), -0.068);
  EXPECT_EQ(rounded(get(program, "grad/b1")[0]), -0.010);
  EXPECT_EQ(rounded(get(program, "grad/b1")[1]), 0.006);
  EXPECT_EQ(rounded(get(program, "grad/w1")[0]), -0.020);
  EXPECT_EQ(rounded(get(program, "grad/w1")[1]), 0.012);
  // The update took the gradient of the old value: exact in quad for the representable rate.
  EXPECT_EQ(to_doubles(states_.read("b2").view())[0], 0.3 - 0.5 * get(program, "grad/b2")[0]);
}

TEST_F(ProgramTest, SharingChangesNoBit) {
  const CompileOptions apart{.in_place = false, .reuse_memory = false};
  std::vector<std::vector<double>> results;
  for (const CompileOptions& options : {CompileOptions{}, apart}) {
    StateStore states;
    Arena arena;
    Program program =
        Program::compile(worked_example(registry_.ops, DType::f64), backends_, states, arena, options);
    for (const auto& entry : states.entries()) {
      std::vector<double> values(static_cast<std::size_t>(entry.spec.count()), 0.25);
      states.write(entry.name, Tensor::of(DType::f64, entry.spec.shape, values).view());
    }
    std::vector<double> all;
    for (int step = 0; step < 5; ++step) {
      set(program, "x", {0.5 + step});
      set(program, "y", {1.0});
      set(program, "rate", {0.1});
      program.run();
      for (const char* name : {"loss", "grad/w1", "grad/w2", "grad/b1", "grad/b2"}) {
        for (double v : get(program, name)) all.push_back(v);
      }
    }
    results.push_back(std::move(all));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(ProgramTest, ArenaIsTheLivenessBoundOnAChain) {
  Graph graph(registry_.ops);
  Value v = graph.input("x", {DType::f64, Shape{1024}});
  for (int i = 0; i < 10; ++i) v = exp(neg(v));
  graph.output("y", v);
  Program program = compile(graph);
  EXPECT_EQ(program.memory().arena_bytes, program.memory().liveness_bytes);
}

TEST_F(ProgramTest, KeptInputsCanBeRunOnAgain) {
  Graph graph(registry_.ops);
  Value v = graph.input("x", {DType::f64, Shape{100}});
  for (int i = 0; i < 4; ++i) v = neg(exp(v));
  graph.output("y", v);
  Program program = compile(graph, {.keep_inputs = true});
  const TensorView x = program.input("x");
  for (std::size_t i = 0; i < 100; ++i) x.as<double>()[i] = static_cast<double>(i) / 100;
  program.run();
  const std::vector<double> first = to_doubles(program.output("y"));
  program.run();
  EXPECT_EQ(to_doubles(program.output("y")), first);
}

TEST_F(ProgramTest, SwapsStates) {
  Graph graph(registry_.ops);
  const Value a = graph.state("a", {DType::f64, Shape{2}}), b = graph.state("b", {DType::f64, Shape{2}});
  graph.update(a, b);
  graph.update(b, a);
  Program program = compile(graph);
  states_.write("a", Tensor::of(DType::f64, Shape{2}, std::vector<double>{1, 2}).view());
  states_.write("b", Tensor::of(DType::f64, Shape{2}, std::vector<double>{3, 4}).view());
  program.run();
  EXPECT_EQ(to_doubles(states_.read("a").view()), (std::vector<double>{3, 4}));
  EXPECT_EQ(to_doubles(states_.read("b").view()), (std::vector<double>{1, 2}));
}

TEST_F(ProgramTest, OldValueOfAStateIsReadAfterItsUpdateIsKnown) {
  Graph graph(registry_.ops);
  const Value w = graph.state("w", {DType::f64, Shape{2}});
  const Value next = add(w, w);
  graph.update(w, next);
  graph.output("old", w);
  graph.output("product", mul(next, w));
  Program program = compile(graph);
  states_.write("w", Tensor::of(DType::f64, Shape{2}, std::vector<double>{3, 5}).view());
  program.run();
  EXPECT_EQ(get(program, "old"), (std::vector<double>{3, 5}));
  EXPECT_EQ(get(program, "product"), (std::vector<double>{18, 50}));
  EXPECT_EQ(to_doubles(states_.read("w").view()), (std::vector<double>{6, 10}));
}

TEST_F(ProgramTest, NamesWhatItDoesNotHave) {
  Program program = compile(worked_example(registry_.ops, DType::f64));
  try {
    program.output("los");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'loss'"), std::string::npos) << error.what();
  }
}

TEST_F(ProgramTest, SimplifyMergesAndDrops) {
  Graph graph(registry_.ops);
  const Value x = graph.input("x", {DType::f64, Shape{3}});
  graph.output("y", mul(exp(x), exp(x)));
  log(x);
  EXPECT_EQ(simplify(graph).nodes().size(), 3u);  // x, exp, mul
}

TEST_F(ProgramTest, SimplifyLeavesOutOnes) {
  Graph graph(registry_.ops);
  const Value x = graph.input("x", {DType::f64, Shape{3}});
  const Value one = graph.constant(1, DType::f64), ones = graph.constant(1, DType::f64, Shape{2, 3});
  graph.output("same", div(mul(one, mul(x, one)), one));
  graph.output("inverse", div(one, x));
  graph.output("wider", mul(x, ones));  // broadcast: not x
  const Graph simple = simplify(graph);
  EXPECT_EQ(simple.find_output("same"), (ValueId{0, 0}));
  EXPECT_EQ(simple.node(simple.find_output("inverse")).label(), "div");
  EXPECT_EQ(simple.node(simple.find_output("wider")).label(), "mul");
}

// A backend that takes one op in one dtype, as the example in backend.h.
class Doubler final : public Backend {
 public:
  std::string_view name() const noexcept override { return "doubler"; }
  Offer offer(const Site& site) const override {
    if (site.ops.size() != 1 || site.op().name != "neg") return Refusal{"only neg is implemented"};
    const std::int64_t n = site.input(0).count();
    return make_plan("doubler.neg", [n](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i) io.out<double>(0)[i] = -io.in<double>(0)[i];
    });
  }
};

TEST_F(ProgramTest, FallbackIsReportedAndCanBeForbidden) {
  const Doubler doubler;
  const Backend* both[] = {&doubler, reference_.get()};
  Graph graph(registry_.ops);
  graph.output("y", exp(neg(graph.input("x", {DType::f64, Shape{3}}))));
  Program program = Program::compile(graph, both, states_, arena_);
  ASSERT_EQ(program.placements().size(), 2u);
  EXPECT_EQ(program.placements()[0].backend, "doubler");
  EXPECT_EQ(program.placements()[1].backend, "reference");
  EXPECT_EQ(program.placements()[1].refusals, std::vector<std::string>{"doubler: only neg is implemented"});
  EXPECT_THROW(Program::compile(graph, both, states_, arena_, {.fallback = Fallback::forbid}), Error);
}

}  // namespace
}  // namespace assay
