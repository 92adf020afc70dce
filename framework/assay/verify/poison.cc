#include <fmt/format.h>

#include <utility>

#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

namespace {

// Most elements of the outputs for runs input by input.
constexpr std::int64_t kHistoryElements = 3000;

// An input drawn anew: all of it, and of a key, or of another few integers, each by itself.
std::vector<Tensor> changed(const Tensor& input, const Tensor& other) {
  std::vector<Tensor> all;
  all.push_back(other.clone());
  if (input.dtype() != DType::i32 || input.count() == 1 || input.count() > 4) return all;
  for (std::size_t e = 0; e < static_cast<std::size_t>(input.count()); ++e) {
    all.push_back(input.clone());
    all.back().as<std::int32_t>()[e] = other.as<std::int32_t>()[e];
  }
  return all;
}

// Where the kernel makes something else of inputs behind a run that only one of them was different in than
// behind one in which all were: it has kept what it should have computed anew.
std::string depends_on_history(const KernelCase& subject, std::uint64_t seed) {
  std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, {.seed = seed});
  const std::vector<Tensor> others = make_inputs(*subject.geometry, subject.dtype, {.seed = seed + 1});
  const std::vector<Tensor> third = make_inputs(*subject.geometry, subject.dtype, {.seed = seed + 2});
  for (std::size_t i = 0; i < inputs.size() && inputs.size() > 1; ++i) {
    for (Tensor& other : changed(inputs[i], others[i])) {
      (void)run(subject.kernel, inputs);
      std::swap(inputs[i], other);
      const std::vector<Tensor> behind_alike = run(subject.kernel, inputs);
      (void)run(subject.kernel, third);
      if (!same_bits(behind_alike, run(subject.kernel, inputs)))
        return fmt::format("the result depends on the run before, where input {} alone was another one", i);
      std::swap(inputs[i], other);
    }
  }
  return "";
}

}  // namespace

Outcome check_poison(const KernelCase& subject, std::uint64_t seed, const Execute& execute) {
  Draw a{.seed = seed}, b{.seed = seed + 1};
  WatchedRun watched = run_watched(subject.kernel, make_inputs(*subject.geometry, subject.dtype, a),
                                   make_inputs(*subject.geometry, subject.dtype, b), execute);
  const std::string basis = "exact: the same bits over two poisons, between guard bands, after another run";
  std::int64_t judged = 0;
  for (const Tensor& output : watched.outputs) judged += output.count();
  if (judged <= kHistoryElements) {
    for (const std::string& finding :
         {depends_on_history(subject, seed),
          depends_on_one_buffer(subject.kernel, make_inputs(*subject.geometry, subject.dtype,
                                                            {.fill = Fill::ends, .seed = seed}))}) {
      if (!finding.empty()) watched.findings.push_back(finding);
    }
    // What looks at an input once more, for a NaN that the rest has lost, may find its own result there.
    if (!subject.kernel.plan.in_place.empty()) {
      std::vector<Tensor> nans = make_inputs(*subject.geometry, subject.dtype, a);
      for (const InPlace& pair : subject.kernel.plan.in_place) {
        const auto i = static_cast<std::size_t>(pair.input);
        nans[i] = make_input(*subject.geometry, i, subject.dtype, {.fill = Fill::nans, .seed = seed});
      }
      for (std::string& finding : run_watched(subject.kernel, nans, nans, execute).findings)
        watched.findings.push_back("with NaN among the inputs, " + std::move(finding));
    }
  }
  if (watched.findings.empty()) return {Status::passed, basis, {}, 0, judged};
  return Outcome::failed(basis, fmt::format("{}", fmt::join(watched.findings, "; ")));
}

std::vector<std::string> ignored_inputs(const KernelCase& subject, std::uint64_t seed) {
  std::vector<std::string> ignored;
  std::string refusal;
  const BoundKernel reference =
      bind_kernel(*subject.reference, with_dtype(subject.kernel.site, subject.dtype), refusal);
  if (!reference.kernel) return ignored;
  const Case& c = *subject.geometry;
  std::vector<bool> counts(c.inputs.size(), false);
  // Small integers are equal at times; wide numbers lie on both sides of a kink.
  for (const Fill fill : {Fill::full_mantissa, Fill::integers, Fill::wide}) {
    std::vector<Tensor> inputs = make_inputs(c, subject.dtype, {.fill = fill, .seed = seed});
    const std::vector<Tensor> outputs = run(reference, inputs);
    std::int64_t produced = 0;
    for (const Tensor& output : outputs) produced += output.count();
    if (produced == 0) return ignored;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      // An index or a mask of few values may be drawn the same again.
      for (std::uint64_t again = 1; again <= 16 && !counts[i]; ++again) {
        Tensor other = make_input(c, i, subject.dtype, {.fill = fill, .seed = seed + 1000 * again});
        std::swap(inputs[i], other);
        counts[i] = !same_bits(outputs, run(reference, inputs));
        std::swap(inputs[i], other);
      }
    }
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (!counts[i] && c.inputs[i].shape.count() > 0)
      ignored.push_back(i < subject.op->inputs.size() ? subject.op->inputs[i] : std::to_string(i));
  }
  return ignored;
}

}  // namespace assay::verify
