// E: polynomials on integers. Every product and sum of integers whose magnitudes add up to less than 2^p is
// exact in a format of p significant bits, in any order: a correct kernel has no rounding to hide behind. A
// quotient by a count is exact where it is whole, or rounded twice where a kernel multiplies by 1/n.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "assay/core/bound.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// Divisible by every number up to 12, for averages over small windows.
constexpr std::int64_t kDivisible = 27720;
// Integers in [−1, 1] tie often and are zero in a third of the draws.
constexpr std::int64_t kTies = 1;

// Largest Σ|terms| of any output, by the bound scalar; infinite where a quotient is unbounded.
template <class B>
double magnitude_of(const std::vector<Tensor>& outputs) {
  double largest = 0;
  for (const Tensor& output : outputs) {
    if (!is_real(output.dtype())) continue;
    for (const B& x : output.as<B>()) largest = std::max(largest, static_cast<double>(x.magnitude));
  }
  return largest;
}

class ExactRun {
 public:
  explicit ExactRun(const KernelCase& subject) : subject_(subject) {
    std::string ignored;
    lattice_ = bind_kernel(*subject.reference, with_dtype(subject.kernel.site, DType::lattice), ignored);
    narrow_ = bind_kernel(*subject.reference, with_dtype(subject.kernel.site, subject.dtype), ignored);
    bound_ = bind_kernel(
        *subject.reference,
        with_dtype(subject.kernel.site, subject.dtype == DType::f32 ? DType::bound32 : DType::bound64),
        ignored);
  }
  bool exists() const { return lattice_.kernel && narrow_.kernel && bound_.kernel; }

  /// The exact outputs, or nothing where these inputs leave the integers or the format's exact range.
  std::vector<Tensor> outputs(const std::vector<Tensor>& inputs) const {
    std::vector<Tensor> exact = run(lattice_, convert_all(inputs, DType::lattice));
    if (compare_exactly(exact, exact).failed > 0) return {};
    if (compare_exactly(run(narrow_, inputs), exact).failed > 0) return {};
    const bool f32 = subject_.dtype == DType::f32;
    largest_sum() = 0;
    const auto bounds = run(bound_, convert_all(inputs, f32 ? DType::bound32 : DType::bound64));
    const double magnitude =
        std::max(largest_sum(), f32 ? magnitude_of<Bound32>(bounds) : magnitude_of<Bound64>(bounds));
    if (!(magnitude < (f32 ? 0x1p24 : 0x1p53))) return {};
    return exact;
  }

 private:
  const KernelCase& subject_;
  BoundKernel lattice_, narrow_, bound_;
};

// Draws until a wrong polynomial would have been seen; nothing where draws do not stay exact.
std::optional<Outcome> judge(const KernelCase& subject, const ExactRun& lattice, Draw draw, double target) {
  // Degree 2: the ops are linear in each of at most two operands that are drawn.
  const double missed = 2.0 / (2.0 * static_cast<double>(draw.radius) + 1.0);
  // γ₂; of what is exact on numbers that need not be divisible, nothing.
  const double unit = subject.dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
  const double reciprocal = draw.multiple == 1 ? 0.0 : 2 * unit / (1 - 2 * unit);
  Outcome outcome;
  double miss = 1.0;
  int draws = 0, inexact = 0;
  const std::uint64_t seed = draw.seed;
  while (miss >= target && inexact < 2) {
    draw.seed = seed + 7919 * static_cast<std::uint64_t>(draws + inexact);
    const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, draw);
    const std::vector<Tensor> exact = lattice.outputs(inputs);
    if (exact.empty()) {
      ++inexact;
      continue;
    }
    ++draws;
    miss *= missed;
    const Comparison result =
        compare_exactly(run(subject.kernel, inputs), exact, subject.op->outputs, reciprocal);
    outcome.judged += result.judged;
    outcome.detail = result.detail;
    if (result.failed > 0) outcome.status = Status::failed;
    if (result.failed > 0 || result.judged == 0) break;
  }
  if (draws == 0 || (miss >= target && outcome.status == Status::passed && outcome.judged > 0))
    return std::nullopt;
  outcome.basis = fmt::format("exact on integers up to {}{}, {} draw{}, miss probability {:.1g}",
                              draw.radius * draw.multiple, reciprocal > 0 ? ", or γ_2 for a reciprocal" : "",
                              draws, draws == 1 ? "" : "s", miss);
  return outcome;
}

struct Thoroughness {
  double target;  // draws until a wrong polynomial would have been missed with less than this probability
  bool ties;      // draws of few values, too
};

Outcome check(const KernelCase& subject, std::uint64_t seed, const Thoroughness& thoroughness) {
  if (!subject.op->polynomial) return Outcome::skipped("E: the op is no polynomial");
  if (!subject.kernel.plan.accuracy.algebra.name.empty())
    return Outcome::skipped("E: the plan rewrites the algebra (" + subject.kernel.plan.accuracy.algebra.name +
                            ")");
  const ExactRun lattice(subject);
  if (!lattice.exists()) {
    return Outcome::failed("a polynomial runs on integers",
                           "the op says that it is one, but the reference does not run it on integers");
  }
  const std::int64_t outputs = std::max<std::int64_t>(1, subject.kernel.site.output().count());
  const std::int64_t reduced = std::max<std::int64_t>(1, subject.kernel.site.input(0).count() / outputs);
  // A wide radius takes the fewest draws; multiples make means and quotients whole.
  std::optional<Outcome> best;
  for (const std::int64_t multiple : {std::int64_t{1}, reduced, kDivisible}) {
    for (const std::int64_t radius : {std::int64_t{1023}, std::int64_t{127}, std::int64_t{15}, kTies}) {
      if (best) break;
      best = judge(subject, lattice,
                   {.fill = Fill::integers, .seed = seed, .radius = radius, .multiple = multiple},
                   thoroughness.target);
    }
    if (!best || best->status == Status::failed) continue;
    if (!thoroughness.ties) break;
    // Zeros and ties, where comparisons decide.
    const auto ties =
        judge(subject, lattice,
              {.fill = Fill::integers, .seed = seed + 1, .radius = kTies, .multiple = multiple}, 0.5);
    if (!ties) break;
    best->judged += ties->judged;
    if (ties->status == Status::failed) best = ties;
    break;
  }
  return best ? *best : Outcome::skipped("E: no integers on which every partial result is exact");
}

}  // namespace

Outcome check_exact(const KernelCase& subject, std::uint64_t seed) {
  return check(subject, seed, {.target = kMissProbability, .ties = true});
}

Outcome check_exact_once(const KernelCase& subject, std::uint64_t seed) {
  return check(subject, seed, {.target = 1.0, .ties = false});
}

}  // namespace assay::verify
