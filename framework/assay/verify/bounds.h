// What the reference says of a site on given inputs: each output element in a wider format, and how far the
// same computation may be off in the narrower one — from running the reference kernels on Bound scalars
// (core/bound.h). Fused sites are judged as the composition of their ops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/program/backend.h"

namespace assay::verify {

/// The values of a site's outputs with their bounds, for results in f32 (bound32) or f64 (bound64).
struct Bounded {
  std::vector<Tensor> outputs;  ///< bound32 or bound64; i32 and u8 as they are
  double height = 0;            ///< additions behind the tallest sum of an output
  std::string refusal{};        ///< why there are none, where the reference refuses an op
};

/// `inputs` are canonical tensors of f32 or f64, taken as exact. `accuracy` is the plan's: its contract is
/// granted to every function that an op evaluates and to the result of an activation, its height (if any)
/// bounds every sum.
Bounded run_on_bounds(const Backend& reference, const Site& site, const std::vector<Tensor>& inputs,
                      const Accuracy& accuracy);

/// One op on operands of bound32 or bound64 (whole numbers as they are), of which the op's specs say whether
/// the narrow format is f32 or f64. Sums are left open: an addition that follows belongs to the same sum, in
/// any order. Where the reference refuses the op, the reason is in `refusal`.
std::vector<Tensor> apply_on_bounds(const Backend& reference, const SiteOp& op,
                                    const std::vector<Tensor>& operands, const Accuracy& accuracy,
                                    std::string& refusal);

/// Whether any element has an error to begin with.
bool inexact(const Tensor& tensor);

/// "γ_k with k = 784, any order; functions within 8 ulp".
std::string basis_of(const Bounded& bounded, const Accuracy& accuracy);

/// How canonical results compare with their bounds.
struct Comparison {
  std::int64_t judged = 0;  ///< elements with a finite bound
  std::int64_t failed = 0;
  double ratio = 0.0;    ///< the largest |error| / bound; infinity where a bound of 0 is exceeded
  std::string detail{};  ///< of failures: the tensor, the range and the worst of its indices, the values
  /// Of failures: the worst element, by the output that it is in and its index there.
  std::size_t worst_output = 0;
  std::int64_t worst_index = 0;
  double worst_ratio = 0.0;
};

/// Every element of every output: |got − value| ≤ bound; whole numbers are equal. A NaN never passes.
/// Elements that overflow, or are made from what may overflow in the narrow format, are not judged and not
/// counted.
Comparison compare(const std::vector<Tensor>& got, const Bounded& bounded,
                   const std::vector<std::string>& names = {});

/// Element by element equal as numbers (−0 equals 0), or off by no more than `relative` of what is wanted.
/// NaN equals nothing.
Comparison compare_exactly(const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                           const std::vector<std::string>& names = {}, double relative = 0.0);

}  // namespace assay::verify
