// S: a systematic relative error that the worst-case bound of a long sum is too wide to see. Each draw of
// inputs gives one number, the residual's component along the signal, ρ = Σ r s / Σ s². Draws are
// independent, so that under rounding alone Σ ρ / √Σ ρ² stays below t but with probability 2 e^{−t²/2}
// (Efron 1969, for symmetric errors): no model of the variance is needed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "assay/core/bound.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

struct Sums {
  double along = 0;  // Σ ρ
  double squares = 0;
  int draws = 0;

  void add(double rho) {
    along += rho;
    squares += rho * rho;
    ++draws;
  }
  double statistic() const { return squares > 0 ? std::abs(along) / std::sqrt(squares) : 0.0; }
};

// ρ of one output, less what is granted: constants rounded once, and the contract of functions.
template <class Narrow, class B>
double bias_of(const Tensor& got, const Tensor& want, double granted) {
  using W = decltype(B::unit());
  W product(0), energy(0);
  const auto y = got.as<Narrow>();
  const auto s = want.as<B>();
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!isfinite(s[i].value)) continue;
    product += (W(y[i]) - s[i].value) * s[i].value;
    energy += s[i].value * s[i].value;
  }
  if (energy == W(0)) return 0.0;
  const double rho = static_cast<double>(product / energy);
  if (std::isnan(rho)) return rho;
  return std::copysign(std::max(0.0, std::abs(rho) - granted), rho);
}

}  // namespace

Outcome check_bias(const KernelCase& subject, std::uint64_t seed) {
  const Accuracy& accuracy = subject.kernel.plan.accuracy;
  const bool f32 = subject.dtype == DType::f32;
  const double unit = f32 ? 0x1p-24 : 0x1p-53;
  const double granted = kBiasGrantedRoundings * unit + 2.0 * accuracy.ulp * unit;
  if (!accuracy.algebra.empty()) return Outcome::skipped("S: the plan rewrites the algebra");
  std::vector<Sums> sums(subject.kernel.site.outputs.size());
  std::int64_t judged = 0;
  for (int d = 0; d < kBiasDraws; ++d) {
    const Draw draw{.seed = seed + 104729 * static_cast<std::uint64_t>(d)};
    const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, draw);
    const Bounded bounded = run_on_bounds(*subject.reference, subject.kernel.site, inputs, accuracy);
    if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);
    const std::vector<Tensor> outputs = run(subject.kernel, inputs);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (!is_real(outputs[o].dtype())) continue;
      judged += outputs[o].count();
      sums[o].add(f32 ? bias_of<float, Bound32>(outputs[o], bounded.outputs[o], granted)
                      : bias_of<double, Bound64>(outputs[o], bounded.outputs[o], granted));
    }
  }
  Outcome outcome;
  outcome.judged = judged;
  outcome.basis = fmt::format("{} draws, {}σ (Efron's inequality), {:.2g} granted", kBiasDraws, kBiasDeviations, granted);
  if (judged == 0) return Outcome::skipped("S: no real output");
  for (std::size_t o = 0; o < sums.size(); ++o) {
    if (sums[o].draws == 0) continue;
    const double statistic = sums[o].statistic();
    if (statistic <= kBiasDeviations) {
      outcome.ratio = std::max(outcome.ratio, statistic / kBiasDeviations);
      continue;
    }
    outcome.status = Status::failed;
    outcome.ratio = statistic / kBiasDeviations;
    outcome.detail = fmt::format("output '{}' {} as a whole is off by a relative {:.3g}, of one sign in every draw: {:.1f}σ",
                                 subject.op->outputs[std::min(o, subject.op->outputs.size() - 1)],
                                 subject.kernel.site.output(o).to_string(), sums[o].along / sums[o].draws, statistic);
  }
  return outcome;
}

}  // namespace assay::verify
