#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "assay/verify/kernel_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

std::int64_t numbers(const std::vector<Tensor>& outputs) {
  std::int64_t count = 0;
  for (const Tensor& output : outputs) count += output.count();
  return count;
}

// "1, 2, 3": the numbers of threads that kernels were bound at.
std::string numbers_of_threads(const std::vector<BoundKernel>& kernels) {
  return fmt::format(
      "{}",
      fmt::join(std::span(kThreadCounts).first(std::min(std::size(kThreadCounts), kernels.size())), ", "));
}

std::string difference(const KernelCase& subject, const std::vector<Tensor>& got,
                       const std::vector<Tensor>& want) {
  const Comparison comparison = compare_exactly(got, want, subject.op->outputs);
  return comparison.detail.empty() ? "only in the sign of a zero or the bits of a NaN" : comparison.detail;
}

}  // namespace

Outcome check_repeat(const KernelCase& subject, std::uint64_t seed) {
  const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, {.seed = seed});
  const std::vector<Tensor> first = run(subject.kernel, inputs);
  const std::string basis = fmt::format("exact: the same bits in {} runs", kReruns);
  for (int r = 1; r < kReruns; ++r) {
    const std::vector<Tensor> again = run(subject.kernel, inputs);
    if (!same_bits(first, again))
      return Outcome::failed(basis, fmt::format("run {}: {}", r + 1, difference(subject, again, first)));
  }
  return {Status::passed, basis, {}, 0, kReruns * numbers(first)};
}

Outcome check_threads(const KernelCase& subject, const std::vector<BoundKernel>& others, std::uint64_t seed) {
  const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, {.seed = seed});
  const std::vector<Tensor> first = run(subject.kernel, inputs);
  const std::string basis = fmt::format("exact: the same bits on {} threads", numbers_of_threads(others));
  for (const BoundKernel& other : others) {
    const std::vector<Tensor> outputs = run(other, inputs);
    if (!same_bits(first, outputs))
      return Outcome::failed(
          basis, fmt::format("{}: {}", other.backend->description(), difference(subject, outputs, first)));
  }
  return {Status::passed, basis, {}, 0, static_cast<std::int64_t>(others.size()) * numbers(first)};
}

Outcome check_bounds_on_threads(const KernelCase& subject, const std::vector<BoundKernel>& others,
                                std::uint64_t seed) {
  const std::string basis = fmt::format("within its bound on {} threads", numbers_of_threads(others));
  const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, {.seed = seed});
  Outcome all{Status::passed, basis, {}, 0, 0};
  for (const BoundKernel& other : others) {
    const Bounded bounded = run_on_bounds(*subject.reference, other.site, inputs, other.plan.accuracy);
    if (!bounded.refusal.empty()) return Outcome::skipped("reference: " + bounded.refusal);
    const Comparison result = compare(run(other, inputs), bounded, subject.op->outputs);
    if (result.failed > 0)
      return Outcome::failed(basis, fmt::format("{}: {}", other.backend->description(), result.detail));
    all.judged += result.judged;
    all.ratio = std::max(all.ratio, result.ratio);
  }
  return all;
}

}  // namespace assay::verify
