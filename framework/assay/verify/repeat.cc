#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <thread>
#include <utility>

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

// Two kernels of the same site on two threads, as two programs run them: what differs from what each gives
// alone.
std::optional<std::string> at_once(const KernelCase& subject, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& alone) {
  std::string refusal;
  const BoundKernel second = bind_kernel(*subject.kernel.backend, subject.kernel.site, refusal);
  if (!second.kernel) return "refused the second time: " + refusal;
  const auto run_often = [&](const BoundKernel& kernel) {
    std::vector<Tensor> worst;
    for (int r = 0; r < kReruns && worst.empty(); ++r) {
      std::vector<Tensor> outputs = run(kernel, inputs);
      if (!same_bits(alone, outputs)) worst = std::move(outputs);
    }
    return worst;
  };
  std::vector<Tensor> beside;
  std::thread thread([&] { beside = run_often(second); });
  const std::vector<Tensor> here = run_often(subject.kernel);
  thread.join();
  for (const std::vector<Tensor>* outputs : {&here, &std::as_const(beside)}) {
    if (!outputs->empty()) return "two kernels at once: " + difference(subject, *outputs, alone);
  }
  return std::nullopt;
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
  if (const auto other = at_once(subject, inputs, first)) return Outcome::failed(basis, *other);
  return {Status::passed, basis + ", of two kernels at once, too", {}, 0, kReruns * numbers(first)};
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
