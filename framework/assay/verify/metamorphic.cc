// M: multiplying an input by a power of two changes no bit of a significand. Where an op is homogeneous in an
// input — which the reference itself shows in quad — its kernel must follow exactly.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>

#include "assay/core/quad.h"
#include "assay/verify/kernel_oracles.h"

namespace assay::verify {
namespace {

// An even power: roots halve it.
constexpr int kPower = 4;

void scale(Tensor& tensor, int exponent) {
  if (tensor.dtype() == DType::f32) {
    for (float& x : tensor.as<float>()) x = std::ldexp(x, exponent);
  } else if (tensor.dtype() == DType::f64) {
    for (double& x : tensor.as<double>()) x = std::ldexp(x, exponent);
  } else if (tensor.dtype() == DType::quad) {
    for (Quad& x : tensor.as<Quad>()) x = ldexp(x, exponent);
  }
}

// e with scaled = 2^e · base in every element, for a real tensor that is not all zeros.
std::optional<int> exponent_between(const Tensor& base, const Tensor& scaled) {
  const auto a = base.as<Quad>(), b = scaled.as<Quad>();
  std::optional<int> exponent;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == Quad(0) || !isfinite(a[i]) || !isfinite(b[i])) {
      if (a[i] == b[i]) continue;
      return std::nullopt;
    }
    if (!exponent) {
      const double quotient = static_cast<double>(Quad(b[i] / a[i]));
      int e = 0;
      if (!(quotient > 0) || std::frexp(quotient, &e) != 0.5) return std::nullopt;
      exponent = e - 1;
    }
    if (!(ldexp(a[i], *exponent) == b[i])) return std::nullopt;
  }
  return exponent;
}

// The power of two by which each output changes with input i, where it does so exactly; indices and masks
// must not change.
std::optional<std::vector<int>> homogeneity(const BoundKernel& quad, std::vector<Tensor>& inputs,
                                            std::size_t i) {
  const std::vector<Tensor> base = run(quad, inputs);
  scale(inputs[i], kPower);
  const std::vector<Tensor> scaled = run(quad, inputs);
  scale(inputs[i], -kPower);
  std::vector<int> exponents;
  for (std::size_t o = 0; o < base.size(); ++o) {
    if (!is_real(base[o].dtype())) {
      if (std::memcmp(base[o].data(), scaled[o].data(), base[o].spec().bytes()) != 0) return std::nullopt;
      exponents.push_back(0);
      continue;
    }
    const auto exponent = exponent_between(base[o], scaled[o]);
    if (!exponent) return std::nullopt;
    exponents.push_back(*exponent);
  }
  return exponents;
}

}  // namespace

Outcome check_scaling(const KernelCase& subject, std::uint64_t seed) {
  std::string refusal;
  BoundKernel quad = bind_kernel(*subject.reference, with_dtype(subject.kernel.site, DType::quad), refusal);
  // Another formula may be less homogeneous, by its roundings.
  const Algebra& algebra = subject.kernel.plan.accuracy.algebra;
  if (quad.kernel && !algebra.name.empty())
    quad.kernel = algebra.formula ? algebra.formula(quad.site) : nullptr;
  if (!quad.kernel) return Outcome::skipped("M: the reference does not run it in quad");
  std::vector<Tensor> inputs = make_inputs(*subject.geometry, subject.dtype, {.seed = seed});
  std::vector<Tensor> wide = convert_all(inputs, DType::quad);
  const std::vector<Tensor> base = run(subject.kernel, inputs);
  Outcome outcome;
  int scaled_inputs = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!is_real(inputs[i].dtype()) || inputs[i].count() == 0) continue;
    const auto exponents = homogeneity(quad, wide, i);
    if (!exponents) continue;
    ++scaled_inputs;
    scale(inputs[i], kPower);
    const std::vector<Tensor> got = run(subject.kernel, inputs);
    scale(inputs[i], -kPower);
    std::vector<Tensor> want;
    for (std::size_t o = 0; o < base.size(); ++o) {
      want.push_back(base[o].clone());
      scale(want.back(), (*exponents)[o]);
    }
    const Comparison result = compare_exactly(got, want, subject.op->outputs);
    outcome.judged += result.judged;
    if (result.failed == 0) continue;
    outcome.status = Status::failed;
    outcome.detail =
        fmt::format("input '{}' times 2^{}: {}",
                    subject.op->inputs[std::min(i, subject.op->inputs.size() - 1)], kPower, result.detail);
  }
  if (scaled_inputs == 0) return Outcome::skipped("M: homogeneous in no input");
  outcome.basis = "exact: a power of two in an input is one in the outputs";
  return outcome;
}

}  // namespace assay::verify
