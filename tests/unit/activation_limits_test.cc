// Activations far out: f and f′ where powers, exponentials and products overflow on the way to a result that
// does not. Expected are the limits of the derivatives, which f′ has reached in f32 and f64 alike.
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "assay/graph/differentiate.h"
#include "assay/ops/activation.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

struct Limits {
  const char* name;
  Fields fields;
  double left;   ///< lim f′(z), z → −∞
  double right;  ///< lim f′(z), z → ∞
};

const std::vector<Limits>& limits() {
  static const std::vector<Limits> kLimits{{"identity", {}, 1, 1},
                                           {"sigmoid", {}, 0, 0},
                                           {"relu", {}, 0, 1},
                                           {"tanh", {}, 0, 0},
                                           {"leaky_relu", {{"slope", 0.25}}, 0.25, 1},
                                           {"elu", {{"alpha", 2.0}}, 0, 1},
                                           {"selu", {}, 0, Selu::kScale},
                                           {"softplus", {}, 0, 1},
                                           {"silu", {}, 0, 1},
                                           {"gelu", {{"form", std::string("erf")}}, 0, 1},
                                           {"gelu", {{"form", std::string("tanh")}}, 0, 1},
                                           {"hard_sigmoid", {}, 0, 0},
                                           {"hard_swish", {}, 0, 1}};
  return kLimits;
}

class ActivationLimits : public ::testing::Test {
 protected:
  ActivationLimits() { register_builtin(registry_); }

  // dy/dx at each x.
  std::vector<double> slopes(const std::string& backend, DType dtype, const Limits& activation,
                             const std::vector<double>& at) {
    Graph graph(registry_.ops);
    const Value x = graph.input("x", {dtype, Shape{static_cast<std::int64_t>(at.size())}});
    const Value y = activate(activation.name, x, activation.fields);
    const Value seed = graph.constant(1.0, dtype, x.shape());
    graph.output("dx", differentiate({&y, 1}, {&seed, 1}, {&x, 1}).find(x));
    const auto first = registry_.create_backend(backend, {}, 1);
    const auto reference = registry_.create_backend("reference", {}, 1);
    const Backend* backends[] = {first.get(), reference.get()};
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena);
    convert(Tensor::of(DType::f64, x.shape(), at).view(), program.input("x"));
    program.run();
    return to_doubles(program.output("dx"));
  }

  Registry registry_;
};

TEST_F(ActivationLimits, DerivativesReachThem) {
  const double largest = std::numeric_limits<float>::max();
  std::vector<double> left, right;
  for (const double x : {1e6, 1e12, 1e14, 1e20, 1e30, largest}) {
    left.push_back(-x);
    right.push_back(x);
  }
  for (const std::string& backend : registry_.backends.names()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const Limits& activation : limits()) {
        SCOPED_TRACE(backend + " " + std::string(name_of(dtype)) + " " + activation.name + " " +
                     activation.fields.to_string());
        const auto rounded = [&](double limit) {
          return dtype == DType::f32 ? static_cast<double>(static_cast<float>(limit)) : limit;
        };
        EXPECT_EQ(slopes(backend, dtype, activation, left),
                  std::vector<double>(left.size(), rounded(activation.left)));
        EXPECT_EQ(slopes(backend, dtype, activation, right),
                  std::vector<double>(right.size(), rounded(activation.right)));
      }
    }
  }
}

}  // namespace
}  // namespace assay
