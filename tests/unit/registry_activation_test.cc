// An activation registered as one generic function: op, derivative, kernels on every scalar, layer.
#include <gtest/gtest.h>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/program/program.h"
#include "assay/registry/activation.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

struct SoftShrink {
  double width;
  explicit SoftShrink(const Fields& fields) : width(fields.number("width")) {}
  static ActivationInfo info() {
    ActivationInfo info;
    info.name = "soft_shrink";
    info.formula = "f(z) = z − w, 0, z + w right of w, between, left of −w";
    info.derivative_formula = "f′(z) = [|z| > w]";
    info.fields = {{.name = "width", .kind = FieldKind::number, .fallback = 0.5, .minimum = 0}};
    return info;
  }
  template <class T>
  T operator()(const T& z) const {
    if (z > T(width)) return z - T(width);
    if (z < T(-width)) return z + T(width);
    return T(0) * z;
  }
};

class AddActivationTest : public ::testing::Test {
 protected:
  AddActivationTest() {
    register_builtin(registry_);
    Registry plugin("a plugin");
    plugin.add_activation("swish", [](auto x) { return x * sigmoid(x); }, {.formula = "f(z) = z σ(z)"});
    plugin.add_activation<Scalars::all>("cube", [](auto x) { return x * x * x; });
    plugin.add_activation<SoftShrink>();
    registry_.merge(plugin);
  }

  // {y, dy/dx} of an activation at each x, on the reference backend.
  std::pair<std::vector<double>, std::vector<double>> evaluate(const std::string& name,
                                                               const std::vector<double>& at, DType dtype,
                                                               const Fields& fields = {}) {
    Graph graph(registry_.ops);
    const Value x = graph.input("x", {dtype, Shape{static_cast<std::int64_t>(at.size())}});
    const Value y = activate(name, x, fields);
    const Value seed = graph.constant(1.0, dtype, x.shape());
    graph.output("y", y);
    graph.output("dx", differentiate({&y, 1}, {&seed, 1}, {&x, 1}).find(x));
    const auto reference = registry_.create_backend("reference", {}, 1);
    const Backend* backends[] = {reference.get()};
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena);
    convert(Tensor::of(DType::f64, x.shape(), at).view(), program.input("x"));
    program.run();
    return {to_doubles(program.output("y")), to_doubles(program.output("dx"))};
  }

  Registry registry_;
};

const std::vector<double> kPoints{-40, -3, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 3, 40};

TEST_F(AddActivationTest, IsTheBuiltInOfTheSameFormula) {
  for (const DType dtype : {DType::f32, DType::f64, DType::quad, DType::dual64, DType::dual_quad})
    EXPECT_EQ(evaluate("swish", kPoints, dtype), evaluate("silu", kPoints, dtype)) << name_of(dtype);
}

TEST_F(AddActivationTest, APolynomialIsExactOnIntegers) {
  const auto [y, dx] = evaluate("cube", {-3, 0, 2}, DType::f64);
  EXPECT_EQ(y, (std::vector<double>{-27, 0, 8}));
  EXPECT_EQ(dx, (std::vector<double>{27, 0, 12}));
  EXPECT_TRUE(registry_.ops.at("cube").polynomial);
  EXPECT_FALSE(registry_.ops.at("swish").polynomial);
  // The forward kernel runs on the lattice; its dual would need a lattice derivative, which multiplication
  // has too.
  EXPECT_EQ(evaluate("cube", {-3, 0, 2}, DType::lattice).second, (std::vector<double>{27, 0, 12}));
}

TEST_F(AddActivationTest, FieldsReachTheFunction) {
  EXPECT_EQ(evaluate("soft_shrink", {-2, 0.25, 1}, DType::f64).first, (std::vector<double>{-1.5, 0, 0.5}));
  const auto [y, dx] = evaluate("soft_shrink", {-2, 0.25, 1}, DType::f64, {{"width", 1.5}});
  EXPECT_EQ(y, (std::vector<double>{-0.5, 0, 0}));
  EXPECT_EQ(dx, (std::vector<double>{1, 0, 0}));
}

TEST_F(AddActivationTest, IsALayerAndKnowsItsOwner) {
  EXPECT_EQ(registry_.layers.at("swish").formula, "f(z) = z σ(z)");
  EXPECT_EQ(registry_.layers.at("soft_shrink").fields.front().name, "width");
  for (const auto* owner :
       {&registry_.layers.owner("swish"), &registry_.ops.owner("swish"), &registry_.ops.owner("swish_grad")})
    EXPECT_EQ(*owner, "a plugin");
  EXPECT_TRUE(registry_.ops.at("swish").activation);
}

TEST_F(AddActivationTest, RefusesANameThatIsTaken) {
  Registry plugin("a plugin");
  plugin.add_activation("relu", [](auto x) { return x; });
  try {
    registry_.merge(plugin);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "error: the op 'relu' is registered twice: by built-in and by a plugin\n");
  }
}

TEST(BuiltInLayers, EveryActivationOpIsALayer) {
  Registry registry;
  register_builtin(registry);
  int activations = 0;
  for_each_activation([&]<class A>(A*) {
    ++activations;
    EXPECT_NE(registry.layers.find(A::info().name), nullptr) << A::info().name;
  });
  EXPECT_EQ(activations, 12);
  EXPECT_EQ(registry.layers.find("exp"), nullptr);
  EXPECT_EQ(registry.layers.find("sigmoid_grad"), nullptr);
}

}  // namespace
}  // namespace assay
