// The proof of a whole model's gradient, on the reference in quad: dual numbers, central differences and the
// Taylor remainder of the loss along random directions through all parameters at once, and along every
// coordinate of small tensors. Quad leaves an error near 10⁻²⁰, so that a direction through everything shows
// a defect in any one tensor; when one does, directions through single tensors say which.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "assay/graph/graph.h"
#include "assay/verify/check.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/selector.h"

namespace assay::verify {

/// How far finite differences and the gradient of one parameter are apart.
struct DifferenceError {
  std::string parameter;
  double relative = 0.0;        ///< |g·v − difference| / Σ|gᵢvᵢ|, the largest over directions
  std::int64_t directions = 0;  ///< coordinates, or random directions
};

struct GradientProof {
  Report report;
  std::vector<DifferenceError> differences;
};

struct GradientProofOptions {
  int directions = 8;                  ///< through all parameters at once
  std::int64_t coordinates = 256;      ///< tensors up to this size are tried in every coordinate ...
  std::int64_t cost_limit = 60000000;  ///< ... while all of it takes no more multiplications than this
  std::uint64_t seed = 1;
};

/// `graph` in quad has the outputs "loss" and "grad/<parameter>"; `bindings` are its inputs and states.
GradientProof prove_gradients(const Graph& graph, const Backend& reference, const Bindings& bindings,
                              const std::vector<std::string>& parameters, const Selector& selector,
                              const GradientProofOptions& options = {});

/// Multiplications of one evaluation, roughly: what deciding by cost rests on.
std::int64_t cost_of(const Graph& graph);

}  // namespace assay::verify
