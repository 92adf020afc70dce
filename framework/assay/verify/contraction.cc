// E on products that are larger than every block that kernels cut them into, where the reference would take
// seconds: Freivalds' identity (1977), (A B) r = A (B r), on integers. The right side costs one column.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "assay/core/random.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// Of integers in f32, products of kProductTerms stay below 2²⁴.
constexpr std::int64_t kRadius = 15;
// Entries of r are in [−kWeight, kWeight]. What is wrong in a row escapes one r in 2 kWeight + 1 at most.
constexpr std::uint32_t kWeight = 1000;
constexpr int kRounds = 3;

std::vector<double> weights(std::int64_t count, std::uint64_t seed, std::uint32_t round) {
  const RandomStream stream{seed, stream_id("contraction")};
  std::vector<double> r(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < r.size(); ++i) {
    const auto drawn = random_below(stream, round, 0, static_cast<std::uint32_t>(i), 2 * kWeight + 1);
    r[i] = static_cast<double>(drawn) - kWeight;
  }
  return r;
}

// Σ rᵢ t[.., i, ..] over the axis, of which 1 is left. Whole numbers below 2⁵³ throughout.
Tensor contracted(const Tensor& t, int axis, const std::vector<double>& r) {
  const Shape& shape = t.shape();
  const auto outer = static_cast<std::size_t>(shape.count(0, axis)),
             inner = static_cast<std::size_t>(shape.count(axis + 1, shape.rank()));
  const std::vector<double> from = to_doubles(t.view());
  std::vector<double> sums(outer * inner);
  for (std::size_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < r.size(); ++i) {
      for (std::size_t k = 0; k < inner; ++k)
        sums[o * inner + k] += r[i] * from[(o * r.size() + i) * inner + k];
    }
  }
  return Tensor::of(DType::f64, shape.with(axis, 1), sums);
}

// How all columns of a product become one: the axis of every input that has them, or none.
struct Contraction {
  Case column;
  std::vector<std::optional<int>> axes;
};

std::optional<Contraction> contraction_of(const Case& c, const Shape& made) {
  if (made.rank() != 2 || made[0] == made[1]) return std::nullopt;
  Contraction result{c, {}};
  for (CaseInput& input : result.column.inputs) {
    const auto extents = input.shape.extents();
    const auto axis = std::ranges::find(extents, made[1]);
    if (std::ranges::count(extents, made[1]) > 1) return std::nullopt;
    result.axes.emplace_back();
    if (axis == extents.end()) continue;
    result.axes.back() = static_cast<int>(axis - extents.begin());
    input.shape = input.shape.with(*result.axes.back(), 1);
  }
  return result;
}

}  // namespace

Outcome check_contraction(const KernelCase& subject, std::uint64_t seed) {
  const Case& c = *subject.geometry;
  const Shape& made = subject.kernel.site.output().shape;
  const auto contraction = contraction_of(c, made);
  if (!contraction) return Outcome::skipped("E: the result's columns are no extent of their own");
  const OpSite column_site =
      make_op_site(subject.registry->ops, *subject.op, contraction->column, DType::f64);
  std::string refusal;
  const BoundKernel column = bind_kernel(*subject.reference, column_site.site(), refusal);
  if (!column.kernel) return Outcome::skipped("reference: " + refusal);

  const std::vector<Tensor> inputs =
      make_inputs(c, subject.dtype, {.fill = Fill::integers, .seed = seed, .radius = kRadius});
  const std::vector<Tensor> got = run(subject.kernel, inputs);
  const std::string basis =
      fmt::format("exact on integers: (A B) r = A (B r) for {} vectors r, miss probability {:.1g}", kRounds,
                  std::pow(2.0 * kWeight + 1, -kRounds));
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> r = weights(made[1], seed, static_cast<std::uint32_t>(round));
    std::vector<Tensor> operands = convert_all(inputs, DType::f64), sums;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (contraction->axes[i]) operands[i] = contracted(operands[i], *contraction->axes[i], r);
    }
    sums.push_back(contracted(got[0], 1, r));
    const Comparison result = compare_exactly(sums, run(column, operands), subject.op->outputs);
    if (result.failed > 0) return Outcome::failed(basis, "sums over columns: " + result.detail);
  }
  return {Status::passed, basis, {}, 0, got[0].count()};
}

}  // namespace assay::verify
