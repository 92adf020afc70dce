// What the conformance cases are too small or too general for: products larger than the blocks, fused
// activations, values that must not depend on where an element stands, refusals.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "assay/core/isa.h"
#include "assay/core/random.h"
#include "assay/core/tensor.h"
#include "assay/ops/activation.h"
#include "assay/ops/linear.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {
namespace {

class EigenBackendTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    register_builtin(registry_);
    if (registry_.backends.find("eigen") == nullptr) GTEST_SKIP() << "built without Eigen";
    if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
    if (const char* before = std::getenv("ASSAY_ISA")) before_ = before;
    setenv("ASSAY_ISA", std::string(name_of(GetParam())).c_str(), 1);
    eigen_ = registry_.create_backend("eigen", {}, 1);
    reference_ = registry_.create_backend("reference", {}, 1);
  }
  void TearDown() override {
    before_.empty() ? unsetenv("ASSAY_ISA") : setenv("ASSAY_ISA", before_.c_str(), 1);
  }

  // Integers in [-4, 4], so that every sum in these tests is exact.
  static Tensor integers(const Spec& spec, std::uint64_t seed) {
    std::vector<double> values(static_cast<std::size_t>(spec.count()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<double>(random_below({seed, 0}, 0, 0, static_cast<std::uint32_t>(i), 9)) - 4.0;
    }
    return Tensor::of(spec.dtype, spec.shape, values);
  }
  static Tensor reals(const Spec& spec, std::uint64_t seed) {
    std::vector<double> values(static_cast<std::size_t>(spec.count()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = 8.0 * random_uniform({seed, 0}, 0, 0, static_cast<std::uint32_t>(i)) - 4.0;
    }
    return Tensor::of(spec.dtype, spec.shape, values);
  }

  // Runs a graph whose output is "y" with Eigen before the reference; `inputs` are named "0", "1", ….
  Tensor run(const Graph& graph, const std::vector<Tensor>& inputs, const CompileOptions& options = {}) {
    const Backend* const backends[] = {eigen_.get(), reference_.get()};
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena, options);
    placements_ = program.placements();
    for (std::size_t i = 0; i < inputs.size(); ++i)
      convert(inputs[i].view(), program.input(std::to_string(i)));
    program.run();
    const TensorView y = program.output("y");
    Tensor result(y.spec);
    convert(y, result.view());
    return result;
  }

  Registry registry_;
  std::unique_ptr<Backend> eigen_, reference_;
  std::vector<Placement> placements_;
  std::string before_;
};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.data(), b.data(), a.spec().bytes()) == 0;
}

// Every extent is cut into several blocks, none evenly.
TEST_P(EigenBackendTest, ProductsLargerThanTheBlocksAreExact) {
  const std::int64_t m = 613, n = 821, k = 709;
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", name_of(dtype), ta, tb));
        const Tensor a = integers({dtype, ta ? Shape{k, m} : Shape{m, k}}, 1);
        const Tensor b = integers({dtype, tb ? Shape{n, k} : Shape{k, n}}, 2);
        Graph graph(registry_.ops);
        graph.output("y", matmul(graph.input("0", a.spec()), graph.input("1", b.spec()), ta, tb));
        std::vector<Tensor> inputs;
        inputs.push_back(a.clone());
        inputs.push_back(b.clone());
        const Tensor c = run(graph, inputs);
        ASSERT_EQ(placements_.back().backend, "eigen");

        // Σ_k a_ik b_kj in integers, with rows of the inner operand contiguous.
        const std::vector<double> av = to_doubles(a.view()), bv = to_doubles(b.view());
        std::vector<std::int32_t> row(static_cast<std::size_t>(n));
        std::vector<std::int8_t> right(static_cast<std::size_t>(k * n));
        for (std::int64_t p = 0; p < k; ++p) {
          for (std::int64_t j = 0; j < n; ++j) {
            right[static_cast<std::size_t>(p * n + j)] =
                static_cast<std::int8_t>(bv[static_cast<std::size_t>(tb ? j * k + p : p * n + j)]);
          }
        }
        std::int64_t wrong = 0;
        for (std::int64_t i = 0; i < m; ++i) {
          std::fill(row.begin(), row.end(), 0);
          for (std::int64_t p = 0; p < k; ++p) {
            const auto left =
                static_cast<std::int32_t>(av[static_cast<std::size_t>(ta ? p * m + i : i * k + p)]);
            for (std::int64_t j = 0; j < n; ++j) {
              row[static_cast<std::size_t>(j)] += left * right[static_cast<std::size_t>(p * n + j)];
            }
          }
          for (std::int64_t j = 0; j < n; ++j) {
            wrong += element(c.view(), i * n + j) == row[static_cast<std::size_t>(j)] ? 0 : 1;
          }
        }
        EXPECT_EQ(wrong, 0);
      }
    }
  }
}

TEST_P(EigenBackendTest, AFusedActivationGivesTheSameBits) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const char* activation : {"relu", "sigmoid", "tanh", "leaky_relu", "elu", "silu", "hard_swish"}) {
      SCOPED_TRACE(fmt::format("{} in {}", activation, name_of(dtype)));
      std::vector<Tensor> inputs;
      for (const Shape& shape : {Shape{37, 29}, Shape{31, 29}, Shape{31}}) {
        inputs.push_back(reals({dtype, shape}, inputs.size()));
      }
      Graph graph(registry_.ops);
      const Value z = linear(graph.input("0", inputs[0].spec()), graph.input("1", inputs[1].spec()),
                             graph.input("2", inputs[2].spec()));
      graph.output("y", activate(activation, z));
      const Tensor fused = run(graph, inputs);
      ASSERT_EQ(placements_.size(), 1U);
      EXPECT_EQ(placements_[0].op, fmt::format("linear+{}", activation));
      EXPECT_NE(placements_[0].implementation.find(activation), std::string::npos)
          << placements_[0].implementation;
      const Tensor separate = run(graph, inputs, {.fuse = false});
      EXPECT_EQ(placements_.size(), 2U);
      EXPECT_TRUE(same_bits(fused, separate));
    }
  }
}

// Tails of vectors are computed as vectors: an element's value depends on the element alone.
TEST_P(EigenBackendTest, FunctionsDoNotDependOnThePositionOfAnElement) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor all = reals({dtype, Shape{67}}, 3);
    for (const char* name : {"exp", "sigmoid", "tanh", "softplus", "elu", "silu"}) {
      SCOPED_TRACE(fmt::format("{} in {}", name, name_of(dtype)));
      const auto apply = [&](const Tensor& x) {
        Graph graph(registry_.ops);
        graph.output("y", graph.apply(name, {graph.input("0", x.spec())}));
        std::vector<Tensor> inputs;
        inputs.push_back(x.clone());
        return to_doubles(run(graph, inputs).view());
      };
      const std::vector<double> together = apply(all);
      for (std::int64_t i = 0; i < all.count(); ++i) {
        const double alone[] = {element(all.view(), i)};
        EXPECT_EQ(apply(Tensor::of(dtype, Shape{1}, alone))[0], together[static_cast<std::size_t>(i)]) << i;
      }
    }
  }
}

TEST_P(EigenBackendTest, RefusesInWordsWhatItDoesNotCompute) {
  struct Row {
    const char* op;
    DType dtype;
    Fields fields;
    const char* reason;
  };
  const Row rows[] = {
      {"exp", DType::quad, {}, "dtype quad (the Eigen backend computes in f32 and f64)"},
      {"gelu", DType::f32, {{"form", std::string("erf")}}, "form erf"},
      {"huber", DType::f32, {}, "no kernel for op 'huber'"},
  };
  for (const Row& row : rows) {
    if (registry_.ops.find(row.op) == nullptr) continue;
    SCOPED_TRACE(row.op);
    const OpDef& op = registry_.ops.at(row.op);
    Graph graph(registry_.ops);
    std::vector<Value> inputs;
    for (const std::string& name : op.inputs) inputs.push_back(graph.input(name, {row.dtype, Shape{2, 3}}));
    const std::int32_t nodes[] = {graph.apply(row.op, inputs, row.fields).id().node};
    const Offer offer = eigen_->offer(make_site(graph, nodes).site);
    ASSERT_TRUE(std::holds_alternative<Refusal>(offer));
    EXPECT_NE(std::get<Refusal>(offer).reason.find(row.reason), std::string::npos)
        << std::get<Refusal>(offer).reason;
  }
}

INSTANTIATE_TEST_SUITE_P(, EigenBackendTest, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace assay
