// The openmp backend computes the same bits with any number of threads: every op that it offers, on every
// registered geometry and on shapes that are large enough to be shared out. One test per op.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "assay/allocation_count.h"
#include "assay/verify/kernel_oracles.h"
#include "conformance/builtin.h"

namespace assay::conformance {
namespace {

using cli::AllocationCount;
using cli::can_count_allocations;

constexpr int kThreads[] = {1, 2, 3, 4, 8};

using Integers = std::vector<std::int64_t>;

// More elements than eight threads need to get a share each, in extents that no vector divides.
const Shape kLarge{257, 523};

Case large(std::vector<CaseInput> inputs, Fields fields = {}) {
  return {"large", std::move(inputs), std::move(fields)};
}

struct LargeConvolution {
  Shape x, weight;
  Integers stride, padding, dilation;
  std::int64_t groups;
};

// Many images and few, many filters and few, gaps between windows, depthwise, single rows.
std::vector<Case> convolutions(const std::string& op) {
  const LargeConvolution all[] = {{{17, 5, 13, 15}, {19, 5, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
                                  {{1, 7, 37, 41}, {23, 7, 3, 5}, {1, 1}, {0, 2, 1, 3}, {1, 1}, 1},
                                  {{3, 6, 29, 31}, {22, 3, 3, 3}, {2, 2}, {1, 0, 1, 0}, {1, 2}, 2},
                                  {{3, 8, 33, 35}, {9, 8, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
                                  {{5, 13, 29, 31}, {13, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 13},
                                  {{2, 3, 57, 59}, {6, 1, 5, 4}, {2, 3}, {2, 1, 0, 3}, {2, 1}, 3},
                                  {{70, 64, 1, 33}, {40, 64, 1, 3}, {1, 2}, {0, 0, 2, 1}, {1, 1}, 1}};
  std::vector<Case> cases;
  for (const LargeConvolution& c : all) {
    Fields fields{
        {"stride", c.stride}, {"padding", c.padding}, {"dilation", c.dilation}, {"groups", c.groups}};
    Graph graph(builtin().ops);
    const Shape y =
        graph
            .apply("conv2d", {graph.input("x", {DType::f32, c.x}), graph.input("w", {DType::f32, c.weight})},
                   fields)
            .shape();
    if (op == "conv2d") {
      cases.push_back(large({{c.x}, {c.weight}, {Shape{c.weight[0]}}}, std::move(fields)));
    } else if (op == "conv2d_grad_input") {
      fields.set("input", Integers(c.x.extents().begin(), c.x.extents().end()));
      cases.push_back(large({{y}, {c.weight}}, std::move(fields)));
    } else {
      fields.set("kernel", Integers{c.weight[2], c.weight[3]});
      cases.push_back(large({{y}, {c.x}}, std::move(fields)));
    }
  }
  return cases;
}

std::vector<Case> poolings(const std::string& op) {
  const Fields fields{
      {"size", Integers{3, 3}}, {"stride", Integers{2, 2}}, {"padding", Integers{1, 0, 0, 1}}};
  const Shape x{5, 13, 47, 53}, y{5, 13, 23, 26};
  const Integers input(x.extents().begin(), x.extents().end());
  const CaseInput index{y, Domain::index, x[2] * x[3]};
  if (op == "max_pool2d" || op == "avg_pool2d") return {large({{x}}, fields)};
  if (op == "max_pool2d_grad") return {large({{y}, index}, {{"input", input}})};
  if (op == "max_pool2d_gather") return {large({{x}, index})};
  return {large({{y}}, Fields(fields).set("input", input))};
}

std::vector<Case> reductions() {
  std::vector<Case> cases;
  const auto put = [&](const Shape& x, const Integers& axes) {
    cases.push_back(large({{x}}, {{"axes", axes}}));
  };
  put(kLarge, {});
  put(kLarge, {0});
  put(kLarge, {1});
  put(Shape{150001}, {});
  put(Shape{17, 19, 23, 29}, {0, 2, 3});
  put(Shape{17, 19, 23, 29}, {1, 3});
  put(Shape{3, 50021}, {1});
  put(Shape{50021, 3}, {0});
  return cases;
}

// Statistics and parameters as the registered cases have them, at other extents: `shape` stands for x's, and
// its axis 1 or its axes from 1 on for theirs.
std::vector<Case> normalizations(const OpDef& op) {
  std::vector<Case> cases;
  for (const Case& c : op.cases) {
    const Shape& x = c.inputs.front().shape;
    if (x.rank() != 4 || x.count() == 0) continue;
    for (const Shape& wanted : {Shape{31, 7, 23, 29}, Shape{3, 67, 29, 31}}) {
      Case grown = c;
      grown.label = "large";
      for (CaseInput& input : grown.inputs) {
        Integers extents(input.shape.extents().begin(), input.shape.extents().end());
        // Which axes of x an operand has: all, channels, the batch, or those of the normalised row.
        const int rank = input.shape.rank();
        if (input.shape == x) {
          extents.assign(wanted.extents().begin(), wanted.extents().end());
        } else {
          const bool leading = rank > 0 && std::equal(extents.begin(), extents.end(), x.extents().begin());
          const int first = leading ? 0 : (rank == 1 && extents[0] == x[1] ? 1 : 4 - rank);
          for (int a = 0; a < rank; ++a) extents[static_cast<std::size_t>(a)] = wanted[first + a];
        }
        input.shape = Shape(extents);
      }
      cases.push_back(std::move(grown));
    }
    break;
  }
  return cases;
}

// An op of operands that all have one shape, and of scalars, takes any other.
std::vector<Case> alike(const OpDef& op) {
  for (const Case& c : op.cases) {
    Case grown = c;
    grown.label = "large";
    std::optional<Shape> common;
    bool same = true;
    for (CaseInput& input : grown.inputs) {
      if (input.shape.rank() == 0) continue;
      same = same && (!common || *common == input.shape);
      common = input.shape;
      input.shape = kLarge;
    }
    if (same && common && common->rank() == 2) return {grown};
  }
  return {};
}

std::vector<Case> large_cases(const OpDef& op) {
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), op.name) != names.end();
  };
  const Shape block{37, 61, 67};
  if (is({"conv2d", "conv2d_grad_input", "conv2d_grad_weight"})) return convolutions(op.name);
  if (op.name.find("_pool2d") != std::string::npos) return poolings(op.name);
  if (is({"sum", "mean", "max"})) return reductions();
  if (is({"global_avg_pool"})) return {large({{Shape{17, 33, 13, 29}}}), large({{Shape{2, 3, 157, 163}}})};
  if (op.name.starts_with("batch_norm") || op.name.starts_with("layer_norm")) return normalizations(op);
  if (is({"linear"})) {
    return {large({{Shape{67, 129}}, {Shape{137, 129}}, {Shape{137}}}),
            large({{Shape{5, 1021}}, {Shape{301, 1021}}}), large({{Shape{1031, 37}}, {Shape{11, 37}}})};
  }
  if (is({"matmul"})) {
    return {large({{Shape{131, 257}}, {Shape{257, 139}}}),
            large({{Shape{7, 33, 65}}, {Shape{7, 37, 65}}}, {{"transpose_b", true}}),
            large({{Shape{1031, 19}}, {Shape{1031, 23}}}, {{"transpose_a", true}})};
  }
  if (is({"dropout"})) {
    std::vector<Case> cases;
    for (const Shape& x : {Shape{257, 1021}, Shape{3, 50021}}) {
      cases.push_back(large({{x}, {Shape{3}, Domain::key}, {Shape{x[0]}, Domain::key}},
                            {{"rate", 0.3}, {"stream", std::int64_t{7}}}));
    }
    return cases;
  }
  if (is({"gather"})) {
    return {large({{Shape{101, 67}}, {Shape{3001}, Domain::index, 101}}),
            large({{Shape{101, 3}}, {Shape{50021}, Domain::index, 101}})};
  }
  if (is({"gather_grad"})) {
    return {large({{Shape{3001, 67}}, {Shape{3001}, Domain::index, 101}}, {{"count", std::int64_t{101}}}),
            large({{Shape{50021, 3}}, {Shape{50021}, Domain::index, 101}}, {{"count", std::int64_t{101}}})};
  }
  if (is({"transpose"})) {
    return {large({{kLarge}}, {{"axes", Integers{1, 0}}}), large({{block}}, {{"axes", Integers{2, 0, 1}}}),
            large({{block}}, {{"axes", Integers{1, 0, 2}}})};
  }
  if (is({"reshape"})) return {large({{kLarge}}, {{"shape", Integers{523, 257}}})};
  if (is({"broadcast_to"})) {
    return {large({{Shape{523}}}, {{"shape", Integers{257, 523}}}),
            large({{Shape{257, 1}}}, {{"shape", Integers{257, 523}}})};
  }
  if (is({"concat"})) {
    return {large({{Shape{257, 300}}, {Shape{257, 301}}}, {{"axis", std::int64_t{1}}}),
            large({{Shape{100, 523}}, {Shape{201, 523}}}, {{"axis", std::int64_t{0}}})};
  }
  if (is({"slice"})) {
    return {large({{Shape{300, 700}}},
                  {{"axis", std::int64_t{1}}, {"start", std::int64_t{3}}, {"stop", std::int64_t{690}}}),
            large({{Shape{700, 300}}},
                  {{"axis", std::int64_t{0}}, {"start", std::int64_t{3}}, {"stop", std::int64_t{690}}})};
  }
  if (is({"pad"})) {
    return {large({{kLarge}},
                  {{"axis", std::int64_t{1}}, {"before", std::int64_t{3}}, {"after", std::int64_t{5}}}),
            large({{kLarge}},
                  {{"axis", std::int64_t{0}}, {"before", std::int64_t{3}}, {"after", std::int64_t{5}}})};
  }
  if (is({"softmax_cross_entropy"})) {
    return {large({{Shape{1031, 129}}, {Shape{1031}, Domain::index, 129}}),
            large({{Shape{20011, 10}}, {Shape{20011}, Domain::index, 10}})};
  }
  if (is({"softmax_cross_entropy_grad"})) {
    return {large({{Shape{}}, {Shape{1031, 129}}, {Shape{1031}, Domain::index, 129}})};
  }
  return alike(op);
}

std::vector<std::unique_ptr<Backend>> backends() {
  std::vector<std::unique_ptr<Backend>> all;
  for (const int threads : kThreads) all.push_back(builtin().create_backend("openmp", {}, threads));
  return all;
}

Offer offer_of(const Backend& backend, const OpDef& op, const Case& c, DType dtype) {
  return backend.offer(verify::make_op_site(builtin().ops, op, c, dtype).site());
}

std::vector<Tensor> run(const Backend& backend, const OpDef& op, const Case& c, DType dtype,
                        std::uint64_t seed) {
  const verify::OpSite made = verify::make_op_site(builtin().ops, op, c, dtype);
  std::string refusal;
  const verify::BoundKernel kernel = verify::bind_kernel(backend, made.site(), refusal);
  int runs = 0;
  long allocations = 0;  // but for the first run, which may start the threads of a pool
  verify::WatchedRun result = verify::run_watched(kernel, verify::make_inputs(c, dtype, {.seed = seed}),
                                                  verify::make_inputs(c, dtype, {.seed = seed + 1}),
                                                  [&](const Kernel& inner, const Io& io) {
                                                    const AllocationCount count;
                                                    inner.run(io);
                                                    if (runs++ > 0) allocations += count.value();
                                                  });
  EXPECT_THAT(result.findings, ::testing::IsEmpty()) << c.label;
  EXPECT_EQ(allocations, 0) << c.label;
  return std::move(result.outputs);
}

class OpenmpThreads : public ::testing::TestWithParam<std::string> {};

TEST_P(OpenmpThreads, LeaveNoTraceInTheResult) {
  const OpDef& op = builtin().ops.at(GetParam());
  const std::vector<std::unique_ptr<Backend>> all = backends();
  const std::vector<Case> added = large_cases(op);
  EXPECT_FALSE(added.empty()) << "no large case of '" << op.name << "' is known to this test";
  std::vector<Case> cases = op.cases;
  cases.insert(cases.end(), added.begin(), added.end());
  int compared = 0;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::uint64_t seed = 1;
    for (const Case& c : cases) {
      ++seed;
      if (std::holds_alternative<Refusal>(offer_of(*all.front(), op, c, dtype))) continue;
      const std::vector<Tensor> want = run(*all.front(), op, c, dtype, seed);
      for (std::size_t i = 1; i < all.size(); ++i) {
        const std::vector<Tensor> got = run(*all[i], op, c, dtype, seed);
        for (std::size_t o = 0; o < want.size(); ++o) {
          EXPECT_EQ(std::memcmp(got[o].data(), want[o].data(), want[o].spec().bytes()), 0)
              << "output " << o << " of '" << op.name << "', " << c.label << " in " << name_of(dtype)
              << ": other bits on " << kThreads[i] << " threads than on one";
        }
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

std::vector<std::string> offered_ops() {
  const std::unique_ptr<Backend> backend = builtin().create_backend("openmp", {}, 1);
  std::vector<std::string> offered;
  for (const std::string& name : builtin().ops.names()) {
    const OpDef& op = builtin().ops.at(name);
    const auto is_offered = [&](const Case& c) {
      return std::holds_alternative<Plan>(offer_of(*backend, op, c, DType::f32));
    };
    if (std::any_of(op.cases.begin(), op.cases.end(), is_offered)) offered.push_back(name);
  }
  return offered;
}

INSTANTIATE_TEST_SUITE_P(, OpenmpThreads, ::testing::ValuesIn(offered_ops()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace assay::conformance
