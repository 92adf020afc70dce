// S: a systematic relative error that the worst-case bound of a long sum is too wide to see. Each draw of
// inputs gives numbers that rounding alone leaves symmetric about 0: the relative error of every element, and
// that of the whole output along the signal, ρ = Σ r s / Σ s², which sees a common error √n times smaller.
// Draws are independent, so that Σ ρ / √Σ ρ² over them exceeds t with probability 2 e^{−t²/2} at most (Efron
// 1969; Hoeffding's inequality for the signs): no model of the variance is needed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "assay/core/bound.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// The draws of one relative error.
struct Sums {
  double along = 0;  // Σ ρ
  double squares = 0;
  int draws = 0;

  // Less what is granted: constants rounded once, and the contract of functions.
  void add(double rho, double granted) {
    if (!std::isnan(rho)) rho = std::copysign(std::max(0.0, std::abs(rho) - granted), rho);
    along += rho;
    squares += rho * rho;
    ++draws;
  }
  // NaN where a draw was.
  double statistic() const { return squares == 0 ? 0.0 : std::abs(along) / std::sqrt(squares); }
  double mean() const { return along / draws; }
};

// One output over all draws.
struct OutputBias {
  Sums whole;
  std::vector<Sums> elements;

  template <class Narrow, class B>
  void add(const Tensor& got, const Tensor& want, double granted) {
    using W = decltype(B::value);
    W product(0), energy(0);
    const auto y = got.as<Narrow>();
    const auto s = want.as<B>();
    elements.resize(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      const W signal = s[i].value;
      // Against an exact 0 there is no relative error.
      if (!isfinite(signal) || signal == W(0)) continue;
      const W residual = W(y[i]) - signal;
      product += residual * signal;
      energy += signal * signal;
      elements[i].add(static_cast<double>(residual) / static_cast<double>(signal), granted);
    }
    if (!(energy == W(0))) whole.add(static_cast<double>(product / energy), granted);
  }
};

bool systematic(const Sums& sums) { return !(sums.statistic() <= kBiasDeviations); }

std::string describe(const Sums& sums) {
  return fmt::format("off by a relative {:.3g}, of one sign in every draw: {:.1f}σ", sums.mean(),
                     sums.statistic());
}

// The statistics of one output, filed: how many, the worst, and what is systematic.
void judge(const OutputBias& bias, const std::string& name, const Spec& spec, Outcome& outcome) {
  std::vector<std::string> findings;
  const auto file = [&](const Sums& sums) {
    outcome.judged += sums.draws > 0 ? 1 : 0;
    outcome.ratio = std::max(outcome.ratio, sums.statistic() / kBiasDeviations);
  };
  file(bias.whole);
  if (systematic(bias.whole)) findings.push_back("as a whole " + describe(bias.whole));
  std::int64_t failed = 0, first = 0, last = 0, worst = 0;
  for (std::int64_t i = 0; const Sums& element : bias.elements) {
    file(element);
    if (systematic(element)) {
      if (failed++ == 0) first = worst = i;
      last = i;
      if (element.statistic() > bias.elements[static_cast<std::size_t>(worst)].statistic()) worst = i;
    }
    ++i;
  }
  if (failed > 0) {
    findings.push_back(fmt::format("{} of {} elements, from {} to {}; worst at {}: {}", failed, spec.count(),
                                   spec.shape.index_text(first), spec.shape.index_text(last),
                                   spec.shape.index_text(worst),
                                   describe(bias.elements[static_cast<std::size_t>(worst)])));
  }
  if (findings.empty()) return;
  outcome.status = Status::failed;
  outcome.detail += fmt::format("{}output '{}' {}: {}", outcome.detail.empty() ? "" : "\n  ", name,
                                spec.to_string(), fmt::join(findings, "; "));
}

}  // namespace

Outcome check_bias(const KernelCase& subject, std::uint64_t seed) {
  const Accuracy& accuracy = subject.kernel.plan.accuracy;
  const bool f32 = subject.dtype == DType::f32;
  const double unit = f32 ? 0x1p-24 : 0x1p-53;
  const double granted = kBiasGrantedRoundings * unit + 2.0 * accuracy.ulp * unit;
  std::vector<OutputBias> biases(subject.kernel.site.outputs.size());
  for (int d = 0; d < kBiasDraws; ++d) {
    const Draw draw{.seed = seed + 104729 * static_cast<std::uint64_t>(d)};
    const std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, draw);
    const Bounded bounded = run_on_bounds(*subject.reference, subject.kernel.site, inputs, accuracy);
    if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);
    const std::vector<Tensor> outputs = run(subject.kernel, inputs);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (!is_real(outputs[o].dtype())) continue;
      if (f32) {
        biases[o].add<float, Bound32>(outputs[o], bounded.outputs[o], granted);
      } else {
        biases[o].add<double, Bound64>(outputs[o], bounded.outputs[o], granted);
      }
    }
  }
  Outcome outcome;
  outcome.basis =
      fmt::format("{} draws, {}σ (Efron's inequality), {:.2g} granted", kBiasDraws, kBiasDeviations, granted);
  for (std::size_t o = 0; o < biases.size(); ++o)
    judge(biases[o], subject.op->outputs[std::min(o, subject.op->outputs.size() - 1)],
          subject.kernel.site.output(o), outcome);
  if (outcome.judged == 0) return Outcome::skipped("S: no real output");
  return outcome;
}

}  // namespace assay::verify
