// The oracles that judge one kernel of a backend on one geometry. Each is a function from the kernel to an
// outcome, in a file of its own (exact.cc, poison.cc, lockstep.cc, bias.cc, repeat.cc, metamorphic.cc).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/bounds.h"
#include "assay/verify/check.h"
#include "assay/verify/guarded_run.h"
#include "assay/verify/op_site.h"

namespace assay::verify {

/// A kernel under judgement. Everything pointed at outlives it.
struct KernelCase {
  const Registry* registry = nullptr;
  const Backend* reference = nullptr;
  const OpDef* op = nullptr;
  const Case* geometry = nullptr;
  DType dtype = DType::f32;
  BoundKernel kernel;  ///< the backend's, on canonical inputs unless a caller has arranged others
};

/// E: on integers, equal to the reference on the lattice, every element; drawn again until a wrong polynomial
/// would have been seen. Skips ops that are no polynomials and plans that rewrite the algebra.
Outcome check_exact(const KernelCase& subject, std::uint64_t seed);

/// E on one draw: for what runs on other code than a geometry that has been judged to the end, where a fault
/// shows in many elements at once.
Outcome check_exact_once(const KernelCase& subject, std::uint64_t seed);

/// E of a matrix product of any size: of random sums of the result's columns, which the reference makes from
/// the same sums of the operands'. Skipped where the columns cannot be told from the other extents.
Outcome check_contraction(const KernelCase& subject, std::uint64_t seed);

/// P: run_watched() without findings.
Outcome check_poison(const KernelCase& subject, std::uint64_t seed, const Execute& execute = {});

/// L: within the running error bound of the reference on the same inputs.
Outcome check_lockstep(const KernelCase& subject, const Draw& draw);

/// L: with NaN among the inputs, NaN wherever the reference has one, and the reference's indices and masks.
/// More of them are no error: 0 · NaN is one where a kernel multiplies what the formula leaves out.
Outcome check_nans(const KernelCase& subject, std::uint64_t seed);

/// L: of a function of one variable, element by element, the reference's numbers at ±∞.
Outcome check_infinities(const KernelCase& subject, std::uint64_t seed);

/// L: of an op whose every result is one of its inputs' numbers or 0, as the reference shows, the same
/// numbers at the ends of the format: a maximum of nothing but −∞ is −∞.
Outcome check_ends(const KernelCase& subject, std::uint64_t seed);

/// L: within the bound on these inputs.
Outcome check_lockstep_on(const KernelCase& subject, const std::vector<Tensor>& inputs);

/// S: kBiasDraws independent draws; each element, and each output along its signal, is judged over them.
/// `judged` counts these statistics.
Outcome check_bias(const KernelCase& subject, std::uint64_t seed);

/// R: kReruns runs, the same bits.
Outcome check_repeat(const KernelCase& subject, std::uint64_t seed);

/// R: the same bits from the backend at every other number of threads. `others` are kernels of the same case
/// bound at those.
Outcome check_threads(const KernelCase& subject, const std::vector<BoundKernel>& others, std::uint64_t seed);

/// R: of a backend that promises no equal bits there, at every other number of threads within its bounds.
Outcome check_bounds_on_threads(const KernelCase& subject, const std::vector<BoundKernel>& others,
                                std::uint64_t seed);

/// M: where the reference, or the formula that the plan computes by, shows f(2ᵏ x) = 2ᵈᵏ f(x) for an input,
/// the kernel does so to the last bit.
Outcome check_scaling(const KernelCase& subject, std::uint64_t seed);

/// Every input is drawn anew once: one that changes no output makes every verdict on this case worthless.
/// Empty, or the names of inputs that the op's reference ignores.
std::vector<std::string> ignored_inputs(const KernelCase& subject, std::uint64_t seed);

}  // namespace assay::verify
