// What the conformance cases are too small or too tame for on the openmp backend: reductions of many parts
// and the height of their trees, statistics far from zero, extreme scores, copies larger than a tile.
// Instruction set by instruction set, on more threads than one.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <limits>

#include "support/forced_isa.h"
#include "support/requirement.h"
#include "unit/backend_runner.h"

namespace assay {
namespace {

using ::testing::HasSubstr;
using test::integers;
using test::reals;
using test::same_bits;
using Integers = std::vector<std::int64_t>;

class OpenmpBackend : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
    forced_.emplace(GetParam());
    ASSAY_NEEDS(runner_.select("openmp", 3), "openmp in this build");
  }

  std::vector<Tensor> run(std::string_view op, const std::vector<Tensor>& inputs, const Fields& fields = {}) {
    std::vector<Tensor> results = runner_.run(runner_.graph_of(op, inputs, fields), inputs);
    EXPECT_EQ(runner_.placements().back().backend, "openmp");
    return results;
  }
  void expect_reference_bits(std::string_view op, const std::vector<Tensor>& inputs, const Fields& fields) {
    const std::vector<Tensor> got = run(op, inputs, fields);
    const std::vector<Tensor> want = runner_.run_reference(runner_.graph_of(op, inputs, fields), inputs);
    EXPECT_TRUE(same_bits(got[0], want[0])) << op << " of " << inputs[0].spec().to_string();
  }

  std::optional<test::ForcedIsa> forced_;
  test::BackendRunner runner_;
};

std::vector<Tensor> list(Tensor tensor) {
  std::vector<Tensor> all;
  all.push_back(std::move(tensor));
  return all;
}

struct Axes {
  Shape shape;
  Integers axes;
};

// Runs longer than a part and many short runs to a part, columns of more rows than a part, several groups.
const Axes kReductions[] = {{Shape{150001}, {}},
                            {Shape{3, 50021}, {1}},
                            {Shape{50021, 3}, {0}},
                            {Shape{257, 523}, {0}},
                            {Shape{257, 523}, {1}},
                            {Shape{3, 1031, 17}, {1}},
                            {Shape{17, 19, 23, 29}, {0, 2, 3}},
                            {Shape{17, 19, 23, 29}, {1, 3}},
                            {Shape{17, 19, 23, 29}, {0, 2}},
                            {Shape{5, 3, 71, 73}, {0, 2, 3}},
                            {Shape{501, 7, 3}, {0, 2}}};

TEST_P(OpenmpBackend, ReductionsOfManyPartsAreExact) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Axes& c : kReductions) {
      const std::vector<Tensor> x = list(integers({dtype, c.shape}, 1));
      for (const char* op : {"sum", "mean", "max"}) expect_reference_bits(op, x, {{"axes", c.axes}});
    }
  }
}

// |ŝ − s| ≤ γ_h Σ|x| (Higham, section 4.2) with the height h that the plan declares.
TEST_P(OpenmpBackend, ASumIsAsAccurateAsItsTreeIsLow) {
  for (const Axes& c : kReductions) {
    const Spec spec{DType::f32, c.shape};
    const Fields fields{{"axes", c.axes}};
    const Offer offer = runner_.offer("sum", {spec}, fields);
    ASSERT_TRUE(std::holds_alternative<Plan>(offer));
    const std::vector<Tensor> x = list(reals(spec, 2));
    std::vector<Tensor> wide = list(Tensor({DType::f64, c.shape}));
    convert(x[0].view(), wide[0].view());
    std::vector<Tensor> sizes = runner_.run_reference(runner_.graph_of("abs", wide), wide);
    const Tensor exact = std::move(runner_.run_reference(runner_.graph_of("sum", wide, fields), wide)[0]);
    const Tensor total = std::move(runner_.run_reference(runner_.graph_of("sum", sizes, fields), sizes)[0]);

    const auto terms = static_cast<std::uint64_t>(c.shape.count() / exact.count());
    const std::int64_t height = std::get<Plan>(offer).accuracy.height;
    EXPECT_GE(height, std::bit_width(terms - 1));
    EXPECT_LT(height, static_cast<std::int64_t>(terms));
    const double hu = static_cast<double>(height) * 0x1p-24;
    const double exact_own = static_cast<double>(terms) * 0x1p-53;  // of the f64 sum that stands in for s
    const std::vector<Tensor> sum = run("sum", x, fields);
    for (std::int64_t i = 0; i < exact.count(); ++i) {
      const double bound = (hu / (1.0 - hu) + exact_own) * element(total.view(), i);
      EXPECT_LE(std::abs(element(sum[0].view(), i) - element(exact.view(), i)), bound)
          << spec.to_string() << " element " << i;
    }
  }
}

TEST_P(OpenmpBackend, AMaximumKeepsNanAndInfinity) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (std::int64_t at : {0, 15, 36, 66}) {
      std::vector<double> values(67, -inf);
      values[static_cast<std::size_t>(at)] = nan;
      EXPECT_TRUE(std::isnan(element(run("max", list(Tensor::of(dtype, Shape{67}, values)))[0].view(), 0)));
      values[static_cast<std::size_t>(at)] = -inf;
      EXPECT_EQ(element(run("max", list(Tensor::of(dtype, Shape{67}, values)))[0].view(), 0), -inf);
    }
  }
}

// x = 4096 ± 1, as many of each: the squares of a one-pass variance do not fit into a float.
TEST_P(OpenmpBackend, VariancesFarFromZeroAreExact) {
  for (const Shape& shape : {Shape{64, 6}, Shape{16, 3, 8, 8}}) {
    std::vector<double> values(static_cast<std::size_t>(shape.count()));
    for (std::int64_t i = 0; i < shape.count(); ++i) {
      // Both signs in every row and in every channel.
      const std::int64_t row = i / shape.count(1, shape.rank());
      values[static_cast<std::size_t>(i)] = 4096.0 + ((i + row) % 2 == 0 ? 1.0 : -1.0);
    }
    for (const char* op : {"batch_norm", "layer_norm"}) {
      SCOPED_TRACE(fmt::format("{} of {}", op, shape.to_string()));
      const bool batch = std::string_view(op) == "batch_norm";
      const Shape parameter = batch ? Shape{shape[1]} : Shape(shape.extents().subspan(1));
      std::vector<Tensor> inputs = list(Tensor::of(DType::f32, shape, values));
      for (const double value : {1.0, 0.0}) {
        inputs.push_back(Tensor::of(DType::f32, parameter,
                                    std::vector<double>(static_cast<std::size_t>(parameter.count()), value)));
      }
      const std::vector<Tensor> results = run(op, inputs, {{"epsilon", 0.0}});
      for (std::int64_t i = 0; i < shape.count(); ++i) {
        EXPECT_EQ(element(results[0].view(), i), values[static_cast<std::size_t>(i)] - 4096.0);
      }
      for (std::int64_t i = 0; i < results[1].count(); ++i) {
        EXPECT_EQ(element(results[1].view(), i), 4096.0);
        EXPECT_EQ(element(results[2].view(), i), 1.0);
      }
    }
  }
}

// Scores that only differ by what all of them share have the same probabilities, however large they are.
TEST_P(OpenmpBackend, ScoresAreShiftedByTheirMaximum) {
  const Shape shape{7, 33, 19};
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor scores = integers({dtype, shape}, 3);
    std::vector<double> far = to_doubles(scores.view());
    for (double& x : far) x += 65536.0;
    for (const char* op : {"softmax", "log_softmax"}) {
      for (const std::int64_t axis : {0, 1, 2}) {
        const std::vector<Tensor> near = run(op, list(scores.clone()), {{"axis", axis}});
        EXPECT_TRUE(same_bits(near[0], run(op, list(Tensor::of(dtype, shape, far)), {{"axis", axis}})[0]));
      }
    }
    const double extreme[] = {-65536.0, 0.0, 65536.0};
    const std::vector<Tensor> y = run("log_softmax", list(Tensor::of(dtype, Shape{3}, extreme)));
    EXPECT_EQ(to_doubles(y[0].view()), (std::vector<double>{-131072.0, -65536.0, 0.0}));
  }
}

TEST_P(OpenmpBackend, ALabelThatIsNoClassMakesTheLossNan) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::vector<Tensor> inputs = list(reals({dtype, Shape{3, 5}}, 4));
    const double labels[] = {0, 5, 2};
    inputs.push_back(Tensor::of(DType::i32, Shape{3}, labels));
    EXPECT_TRUE(std::isnan(element(run("softmax_cross_entropy", inputs)[0].view(), 0)));
    const double one[] = {1.0};
    inputs.insert(inputs.begin(), Tensor::of(dtype, Shape{}, one));
    const std::vector<double> dx = to_doubles(run("softmax_cross_entropy_grad", inputs)[0].view());
    for (std::size_t i = 0; i < dx.size(); ++i) EXPECT_EQ(std::isnan(dx[i]), i / 5 == 1) << i;
  }
}

TEST_P(OpenmpBackend, CopiesLargerThanATileAreExact) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    expect_reference_bits("transpose", list(reals({dtype, Shape{257, 131}}, 5)), {{"axes", Integers{1, 0}}});
    const std::vector<Tensor> block = list(reals({dtype, Shape{3, 67, 5, 71}}, 6));
    for (const Integers& axes : {Integers{0, 2, 3, 1}, Integers{0, 3, 1, 2}, Integers{3, 1, 2, 0},
                                 Integers{2, 1, 0, 3}, Integers{3, 2, 1, 0}}) {
      expect_reference_bits("transpose", block, {{"axes", axes}});
    }
    for (const std::int64_t axis : {0, 1, 3}) {
      expect_reference_bits("pad", block,
                            {{"axis", axis}, {"before", std::int64_t{2}}, {"after", std::int64_t{3}}});
      expect_reference_bits("slice", block,
                            {{"axis", axis}, {"start", std::int64_t{1}}, {"stop", std::int64_t{3}}});
    }
    expect_reference_bits("broadcast_to", list(reals({dtype, Shape{67, 1, 71}}, 7)),
                          {{"shape", Integers{3, 67, 5, 71}}});
  }
}

// Other rounding, so only where it is asked for; and only where it applies.
TEST_P(OpenmpBackend, ConvolvesByWinogradWhereThatIsAskedForAndPays) {
  const auto way_of = [&](const Shape& x, const Shape& weight, const Fields& fields) {
    const std::vector<Tensor> inputs = [&] {
      std::vector<Tensor> all;
      all.push_back(reals({DType::f32, x}, 1));
      all.push_back(reals({DType::f32, weight}, 2));
      return all;
    }();
    (void)runner_.run(runner_.graph_of("conv2d", inputs, fields), inputs);
    return runner_.placements().back().implementation;
  };
  const Shape image{2, 16, 9, 11}, weight{16, 16, 3, 3};
  const Fields padded{{"padding", Integers{1, 1, 1, 1}}};
  EXPECT_THAT(way_of(image, weight, padded), HasSubstr("implicit_gemm"));
  ASSERT_TRUE(runner_.select("openmp", 3, {{"winograd", true}}));
  EXPECT_THAT(way_of(image, weight, padded), HasSubstr("winograd"));
  EXPECT_THAT(way_of(image, weight, {{"stride", Integers{2, 2}}}), HasSubstr("implicit_gemm"));
  EXPECT_THAT(way_of(image, weight, {{"dilation", Integers{2, 2}}}), HasSubstr("implicit_gemm"));
  EXPECT_THAT(way_of(image, Shape{16, 8, 3, 3}, {{"groups", std::int64_t{2}}}), HasSubstr("implicit_gemm"));
  EXPECT_THAT(way_of(image, Shape{16, 16, 3, 5}, {}), HasSubstr("implicit_gemm"));
  EXPECT_THAT(way_of(Shape{2, 2, 9, 11}, Shape{3, 2, 3, 3}, padded), HasSubstr("implicit_gemm"));
}

INSTANTIATE_TEST_SUITE_P(, OpenmpBackend, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace assay
