#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string>

#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

namespace {

// Whether every real result is a number of some input, or 0. On numbers that are all different.
bool chooses(const BoundKernel& reference, const std::vector<Tensor>& inputs) {
  std::set<double> numbers{0.0};
  for (const Tensor& input : inputs) {
    for (std::int64_t i = 0; is_real(input.dtype()) && i < input.count(); ++i)
      numbers.insert(element(input.view(), i));
  }
  const std::vector<Tensor> outputs = run(reference, inputs);
  for (const Tensor& output : outputs) {
    for (std::int64_t i = 0; is_real(output.dtype()) && i < output.count(); ++i) {
      if (!numbers.contains(element(output.view(), i))) return false;
    }
  }
  return true;
}

BoundKernel reference_of(const KernelCase& subject, std::string& refusal) {
  return bind_kernel(*subject.reference, with_dtype(subject.kernel.site, subject.dtype), refusal);
}

// The reference's numbers, or NaN where it has NaN, in the elements that count(whether real, what the
// reference has).
template <class Counts>
Outcome compare_where(const KernelCase& subject, const BoundKernel& reference,
                      const std::vector<Tensor>& inputs, const std::string& basis, Counts counts) {
  const std::vector<Tensor> want = run(reference, inputs), got = run(subject.kernel, inputs);
  Outcome outcome{Status::passed, basis, {}, 0, 0};
  for (std::size_t o = 0; o < got.size(); ++o) {
    for (std::int64_t i = 0; i < got[o].count(); ++i) {
      const double a = element(got[o].view(), i), b = element(want[o].view(), i);
      if (!counts(is_real(got[o].dtype()), b)) continue;
      ++outcome.judged;
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      return Outcome::failed(basis,
                             fmt::format("output {} {} at {}: got {}, want {}", o, got[o].spec().to_string(),
                                         got[o].spec().shape.index_text(i), a, b));
    }
  }
  return outcome;
}

}  // namespace

Outcome check_lockstep(const KernelCase& subject, const Draw& draw) {
  return check_lockstep_on(subject, make_inputs(*subject.geometry, subject.dtype, draw));
}

Outcome check_lockstep_on(const KernelCase& subject, const std::vector<Tensor>& inputs) {
  const Accuracy& accuracy = subject.kernel.plan.accuracy;
  const Bounded bounded = run_on_bounds(*subject.reference, subject.kernel.site, inputs, accuracy);
  if (!bounded.refusal.empty()) return Outcome::skipped(bounded.refusal);
  const Comparison result = compare(run(subject.kernel, inputs), bounded, subject.op->outputs);
  if (result.judged == 0 && subject.kernel.site.output().count() > 0)
    return Outcome::skipped("L: no element has a finite bound on these data");
  return {result.failed > 0 ? Status::failed : Status::passed, basis_of(bounded, accuracy), result.detail,
          result.ratio, result.judged};
}

namespace {

constexpr const char* kNansStay = "exact: NaN where the reference has one";

// Of fused ops, which the reference runs one after the other on the scalars of the bounds.
Outcome check_fused_nans(const KernelCase& subject, const std::vector<Tensor>& inputs) {
  const Bounded want =
      run_on_bounds(*subject.reference, subject.kernel.site, inputs, subject.kernel.plan.accuracy);
  if (!want.refusal.empty()) return Outcome::skipped(want.refusal);
  const std::vector<Tensor> got = run(subject.kernel, inputs);
  Outcome outcome{Status::passed, kNansStay, {}, 0, 0};
  for (std::size_t o = 0; o < got.size(); ++o) {
    if (!is_real(got[o].dtype())) continue;
    for (std::int64_t i = 0; i < got[o].count(); ++i) {
      if (!std::isnan(element(want.outputs[o].view(), i))) continue;
      ++outcome.judged;
      const double a = element(got[o].view(), i);
      if (std::isnan(a)) continue;
      return Outcome::failed(kNansStay,
                             fmt::format("output {} {} at {}: got {}, want nan", o, got[o].spec().to_string(),
                                         got[o].spec().shape.index_text(i), a));
    }
  }
  return outcome;
}

}  // namespace

Outcome check_nans(const KernelCase& subject, std::uint64_t seed) {
  if (!subject.kernel.plan.accuracy.keeps_nan)
    return Outcome::skipped("L: its plan declares that it loses NaN");
  const Case& c = *subject.geometry;
  const Draw nans{.fill = Fill::nans, .seed = seed};
  const std::vector<SiteOp>& ops = subject.kernel.site.ops;
  // Which piece a gradient is of, a comparison says, and NaN lies on either side. Of fused ops, those that
  // the first one reads.
  const std::size_t with_nans = is_gradient(*ops.front().op) ? 1 : ops.front().inputs.size();
  std::vector<Tensor> inputs = make_inputs(c, subject.dtype, {.seed = seed});
  for (std::size_t i = 0; i < with_nans; ++i) inputs[i] = make_input(c, i, subject.dtype, nans);
  if (ops.size() > 1) return check_fused_nans(subject, inputs);
  std::string refusal;
  const BoundKernel reference = reference_of(subject, refusal);
  if (!reference.kernel) return Outcome::skipped("reference: " + refusal);
  return compare_where(subject, reference, inputs, kNansStay,
                       [](bool real, double want) { return !real || std::isnan(want); });
}

Outcome check_infinities(const KernelCase& subject, std::uint64_t seed) {
  const Site& site = subject.kernel.site;
  if (site.inputs.size() != 1 || site.output() != site.input(0))
    return Outcome::skipped("L: no function of one variable");
  std::string refusal;
  const BoundKernel reference = reference_of(subject, refusal);
  if (!reference.kernel) return Outcome::skipped("reference: " + refusal);
  const std::vector<Tensor> ends =
      make_inputs(*subject.geometry, subject.dtype, {.fill = Fill::ends, .seed = seed});
  const Tensor& x = ends.front();
  // Activations are products at times, x · g(x), which are 0 · ∞ where the reference knows the limit.
  const bool product = subject.op->activation;
  return compare_where(subject, reference, ends, "exact: the reference's numbers at infinity",
                       [&x, product, i = std::int64_t{0}](bool, double want) mutable {
                         const bool infinite = std::isinf(element(x.view(), i++));
                         return infinite && !std::isnan(want) && !(product && want == 0);
                       });
}

Outcome check_ends(const KernelCase& subject, std::uint64_t seed) {
  // Of a window in the padding a kernel may multiply what the formula leaves out.
  if (subject.op->multiply_adds) return Outcome::skipped("L: computes products");
  std::string refusal;
  const BoundKernel reference = reference_of(subject, refusal);
  if (!reference.kernel) return Outcome::skipped("reference: " + refusal);
  if (!chooses(reference, make_inputs(*subject.geometry, subject.dtype, {.seed = seed})))
    return Outcome::skipped("L: computes what is none of its inputs' numbers");
  return compare_where(subject, reference,
                       make_inputs(*subject.geometry, subject.dtype, {.fill = Fill::ends, .seed = seed}),
                       "exact: the reference's numbers at the ends of the format",
                       [](bool, double want) { return !std::isnan(want); });
}

}  // namespace assay::verify
