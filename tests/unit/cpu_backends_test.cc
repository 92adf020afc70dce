// What the conformance cases are too small or too general for, on the backends with kernels per instruction
// set: products larger than the blocks, fused activations, values that must not depend on where an element
// stands.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "assay/ops/activation.h"
#include "assay/ops/linear.h"
#include "support/forced_isa.h"
#include "support/requirement.h"
#include "unit/backend_runner.h"

namespace assay {
namespace {

using test::integers;
using test::reals;
using test::same_bits;

struct Subject {
  std::string backend;
  Isa isa;
};

class CpuBackends : public ::testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    if (!is_supported(GetParam().isa)) GTEST_SKIP() << "this processor has no " << name_of(GetParam().isa);
    forced_.emplace(GetParam().isa);
    ASSAY_NEEDS(runner_.select(GetParam().backend, 2), GetParam().backend << " in this build");
  }

  std::optional<test::ForcedIsa> forced_;
  test::BackendRunner runner_;
};

// Rows of c that are not those of the product a b, found by Freivalds (1977): c x = a (b x) for random
// integer vectors x, in exact integers. A row that differs by any amount passes one x in [-1000, 1000]^n with
// probability at most 1/2001.
std::int64_t wrong_rows(const Tensor& a, const Tensor& b, bool ta, bool tb, const Tensor& c) {
  const std::int64_t m = c.shape()[0], n = c.shape()[1], k = a.shape()[ta ? 0 : 1];
  const auto multiply = [](const std::vector<double>& matrix, std::int64_t rows, std::int64_t columns,
                           bool transposed, const std::vector<std::int64_t>& x) {
    std::vector<std::int64_t> y(static_cast<std::size_t>(rows));
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        const double element = matrix[static_cast<std::size_t>(transposed ? j * rows + i : i * columns + j)];
        y[static_cast<std::size_t>(i)] += static_cast<std::int64_t>(element) * x[static_cast<std::size_t>(j)];
      }
    }
    return y;
  };
  const std::vector<double> left = to_doubles(a.view()), right = to_doubles(b.view()),
                            product = to_doubles(c.view());
  std::mt19937 generator(7);
  std::uniform_int_distribution<std::int64_t> draw(-1000, 1000);
  std::vector<bool> wrong(static_cast<std::size_t>(m));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::int64_t> x(static_cast<std::size_t>(n));
    for (std::int64_t& value : x) value = draw(generator);
    const auto expected = multiply(left, m, k, ta, multiply(right, k, n, tb, x));
    const auto got = multiply(product, m, n, false, x);
    for (std::size_t i = 0; i < got.size(); ++i) wrong[i] = wrong[i] || got[i] != expected[i];
  }
  for (const double value : product) {
    if (value != std::trunc(value)) return m;  // no integer, so that the conversion above would hide it
  }
  return std::ranges::count(wrong, true);
}

// Every extent is cut into several blocks, none evenly.
TEST_P(CpuBackends, ProductsLargerThanTheBlocksAreExact) {
  const std::int64_t m = 1229, n = 821, k = 709;
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", name_of(dtype), ta, tb));
        std::vector<Tensor> inputs;
        inputs.push_back(integers({dtype, ta ? Shape{k, m} : Shape{m, k}}, 1));
        inputs.push_back(integers({dtype, tb ? Shape{n, k} : Shape{k, n}}, 2));
        const Fields fields{{"transpose_a", ta}, {"transpose_b", tb}};
        const std::vector<Tensor> c = runner_.run(runner_.graph_of("matmul", inputs, fields), inputs);
        ASSERT_EQ(runner_.placements().back().backend, GetParam().backend);
        EXPECT_EQ(wrong_rows(inputs[0], inputs[1], ta, tb, c[0]), 0);
      }
    }
  }
}

TEST_P(CpuBackends, AFusedActivationGivesTheSameBits) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const char* activation : {"relu", "sigmoid", "tanh", "leaky_relu", "elu", "silu", "hard_swish"}) {
      SCOPED_TRACE(fmt::format("{} in {}", activation, name_of(dtype)));
      std::vector<Tensor> inputs;
      for (const Shape& shape : {Shape{37, 29}, Shape{31, 29}, Shape{31}}) {
        inputs.push_back(reals({dtype, shape}, inputs.size()));
      }
      Graph graph(runner_.ops());
      const Value z = linear(graph.input("0", inputs[0].spec()), graph.input("1", inputs[1].spec()),
                             graph.input("2", inputs[2].spec()));
      graph.output("y", activate(activation, z));
      const std::vector<Tensor> fused = runner_.run(graph, inputs);
      ASSERT_EQ(runner_.placements().size(), 1U);
      const Placement placement = runner_.placements()[0];
      EXPECT_EQ(placement.op, fmt::format("linear+{}", activation));
      EXPECT_NE(placement.implementation.find(activation), std::string::npos) << placement.implementation;
      const std::vector<Tensor> separate = runner_.run(graph, inputs, {.fuse = false});
      EXPECT_EQ(runner_.placements().size(), 2U);
      EXPECT_TRUE(same_bits(fused[0], separate[0]));
    }
  }
}

// Tails of vectors are computed as vectors: an element's value depends on the element alone.
TEST_P(CpuBackends, FunctionsDoNotDependOnThePositionOfAnElement) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor all = reals({dtype, Shape{67}}, 3);
    for (const char* name : {"exp", "sigmoid", "tanh", "softplus", "elu", "silu"}) {
      SCOPED_TRACE(fmt::format("{} in {}", name, name_of(dtype)));
      const auto apply = [&](const Tensor& x) {
        std::vector<Tensor> inputs;
        inputs.push_back(x.clone());
        return to_doubles(runner_.run(runner_.graph_of(name, inputs), inputs)[0].view());
      };
      const std::vector<double> together = apply(all);
      for (std::int64_t i = 0; i < all.count(); ++i) {
        const double alone[] = {element(all.view(), i)};
        EXPECT_EQ(apply(Tensor::of(dtype, Shape{1}, alone))[0], together[static_cast<std::size_t>(i)]) << i;
      }
    }
  }
}

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const char* backend : {"eigen", "openmp"}) {
    for (const Isa isa : all_isas()) all.push_back({backend, isa});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, CpuBackends, ::testing::ValuesIn(subjects()), [](const auto& info) {
  return fmt::format("{}_{}", info.param.backend, name_of(info.param.isa));
});

TEST(EigenRefusals, SayInWordsWhatItDoesNotCompute) {
  test::BackendRunner runner;
  ASSAY_NEEDS(runner.select("eigen", 1), "eigen in this build");
  const Shape shape{2, 3};
  runner.expect_refusal("exp", {{DType::quad, shape}}, {},
                        "dtype quad (the Eigen backend computes in f32 and f64)");
  runner.expect_refusal("gelu", {{DType::f32, shape}}, {{"form", std::string("erf")}}, "form erf");
  runner.expect_refusal("huber", {{DType::f32, shape}, {DType::f32, shape}}, {}, "no kernel for op 'huber'");
}

TEST(OpenmpRefusals, SayInWordsWhatItDoesNotCompute) {
  test::BackendRunner runner;
  ASSAY_NEEDS(runner.select("openmp", 1), "openmp in this build");
  runner.expect_refusal("sum", {{DType::quad, Shape{2, 3}}}, {},
                        "dtype quad (the openmp backend computes in f32 and f64)");
}

}  // namespace
}  // namespace assay
