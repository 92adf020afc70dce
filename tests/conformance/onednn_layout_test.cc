// The ops that the oneDNN backend computes in whatever layout their operands lie, on images with blocked
// channels, whole blocks and padded ones: the same verdict as on canonical ones, and the layout is kept.
#ifdef ASSAY_WITH_ONEDNN
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "assay/verify/kernel_oracles.h"
#include "assay/verify/layouts.h"
#include "conformance/builtin.h"

namespace assay::conformance {
namespace {

struct LayoutCase {
  std::string op;
  Case geometry;     ///< every input of four axes lies blocked
  bool kept = true;  ///< the result lies blocked too
};

std::ostream& operator<<(std::ostream& out, const LayoutCase& c) {
  return out << c.op << " " << c.geometry.label;
}

std::vector<LayoutCase> layout_cases() {
  std::vector<LayoutCase> all;
  const Fields half{{"size", std::vector<std::int64_t>{2, 2}}, {"stride", std::vector<std::int64_t>{2, 2}}};
  const Fields overlapping{{"size", std::vector<std::int64_t>{3, 2}},
                           {"stride", std::vector<std::int64_t>{1, 2}},
                           {"padding", std::vector<std::int64_t>{1, 0, 0, 1}}};
  const auto with_input = [](Fields fields, const Shape& x) {
    return fields.set("input", std::vector<std::int64_t>(x.extents().begin(), x.extents().end()));
  };
  for (const Shape& x : {Shape{2, 16, 6, 4}, Shape{3, 32, 4, 6}, Shape{2, 20, 4, 4}, Shape{1, 17, 8, 2}}) {
    const Shape channels{x[1]};
    const auto add = [&](const std::string& op, std::vector<CaseInput> inputs, const Fields& fields = {},
                         bool kept = true) {
      all.push_back({op, {x.to_string(), std::move(inputs), fields}, kept});
    };
    for (const char* op : {"abs", "relu", "leaky_relu", "tanh", "hard_swish"}) add(op, {{x}});
    // Where channels are padded, 1/2 = σ(0) must not enter the padding.
    add("sigmoid", {{x}}, {}, x[1] % 16 == 0);
    for (const char* op :
         {"relu_grad", "leaky_relu_grad", "tanh_grad", "sigmoid_grad", "hard_swish_grad", "silu_grad"}) {
      add(op, {{x}, {x}});
    }
    for (const char* op : {"add", "sub", "mul"}) add(op, {{x}, {x}});
    add("div", {{x}, {x, Domain::nonzero}}, {}, x[1] % 16 == 0);
    add("mul", {{x}, {Shape{}}});
    add("mul", {{Shape{}}, {x}});
    const Fields epsilon{{"epsilon", 1e-3}};
    add("batch_norm", {{x}, {channels}, {channels}}, epsilon);
    add("batch_norm_inference", {{x}, {channels}, {channels}, {channels}, {channels, Domain::positive}},
        epsilon);
    add("batch_norm_grad", {{x}, {x}, {channels}, {channels}, {channels, Domain::positive}}, epsilon);
    add("sum", {{x}}, {{"axes", std::vector<std::int64_t>{0, 2, 3}}}, false);
    add("global_avg_pool", {{x}}, {}, false);
    for (const Fields& window : {half, overlapping}) {
      const std::int64_t height = window == half ? x[2] / 2 : x[2] - 1,
                         width = window == half ? x[3] / 2 : x[3] / 2;
      const Shape y{x[0], x[1], height, width};
      add("max_pool2d", {{x}}, window);
      add("avg_pool2d", {{x}}, window);
      add("max_pool2d_grad", {{y}, {y, Domain::index, x[2] * x[3]}}, with_input({}, x));
      add("avg_pool2d_grad", {{y}}, with_input(window, x));
    }
    add("sgd_update", {{x}, {x}, {Shape{}}}, {{"weight_decay", 0.5}});
    add("sgd_momentum_update", {{x}, {x}, {x}, {Shape{}}}, {{"momentum", 0.5}});
    add("rmsprop_update", {{x}, {x}, {x, Domain::positive}, {Shape{}}}, {{"epsilon", 0.25}});
    add("adam_update", {{x}, {x}, {x}, {x, Domain::positive}, {Shape{}}, {Shape{}, Domain::step, 9}});
  }
  return all;
}

class OnednnLayouts : public ::testing::TestWithParam<LayoutCase> {};

TEST_P(OnednnLayouts, AreKeptAndChangeNoVerdict) {
  const LayoutCase& c = GetParam();
  const std::unique_ptr<Backend> backend = builtin().create_backend("onednn", {}, 2);
  const std::string processor = backend->description();
  if (processor.find("on avx2,") == std::string::npos &&
      processor.find("on avx512_core") == std::string::npos) {
    GTEST_SKIP() << "without AVX2, oneDNN has neither these layouts nor all of these functions";
  }
  const std::unique_ptr<Backend> reference = builtin().create_backend("reference", {}, 1);
  const OpDef& op = builtin().ops.at(c.op);
  const verify::OpSite made = verify::make_op_site(builtin().ops, op, c.geometry, DType::f32);
  const std::optional<Site> site = verify::as_convolutions_leave_it(builtin(), *backend, made.site());
  ASSERT_TRUE(site.has_value()) << "no convolution leaves a layout of its own";
  std::string refusal;
  const verify::KernelCase kernel{&builtin(), reference.get(),
                                  &op,        &c.geometry,
                                  DType::f32, verify::bind_kernel(*backend, *site, refusal)};
  ASSERT_TRUE(kernel.kernel.kernel) << refusal;
  const verify::Outcome outcomes[] = {verify::check_exact(kernel, 1), verify::check_poison(kernel, 1),
                                      verify::check_lockstep(kernel, {.seed = 1})};
  for (const verify::Outcome& outcome : outcomes) {
    EXPECT_NE(outcome.status, verify::Status::failed) << outcome.basis << ": " << outcome.detail;
  }
  EXPECT_EQ(outcomes[2].status, verify::Status::passed) << outcomes[2].detail;
  const Plan& plan = kernel.kernel.plan;
  EXPECT_EQ(!plan.output_layout(0).canonical(), c.kept) << plan.implementation;
}

INSTANTIATE_TEST_SUITE_P(, OnednnLayouts, ::testing::ValuesIn(layout_cases()),
                         [](const auto& info) { return fmt::format("{}_{}", info.param.op, info.index); });

}  // namespace
}  // namespace assay::conformance
#endif
