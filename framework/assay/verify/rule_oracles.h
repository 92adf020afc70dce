// The oracles that judge an op's derivative rule on one geometry, on the reference alone, in quad: dual
// numbers (D), central differences (F) and the order of the Taylor remainder (T). Three ways to ⟨Jv, u⟩ that
// share less and less with the rule.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "assay/core/quad.h"
#include "assay/registry/registry.h"
#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

/// Σ aᵢbᵢ and Σ |aᵢbᵢ|.
struct Pairing {
  Quad value = 0;
  Quad magnitude = 0;
  void add(const Quad& a, const Quad& b);
};

/// An op on a case with data x, random signed directions v for every input through which derivatives flow,
/// and random signed cotangents u for every real output.
class RuleCase {
 public:
  /// With `whole`, all of it small integers, on which a polynomial's derivative is exact.
  RuleCase(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c, std::uint64_t seed,
           bool whole = false);

  const OpDef& op() const { return op_; }
  bool has_directions() const { return !directions_.empty(); }
  std::string shapes() const;

  /// ⟨v, Jᵀu⟩ by the op's derivative rule. Throws Error where a derivative is missing.
  Pairing by_rule() const;
  /// ⟨Jv, u⟩ by the forward kernel on dual numbers.
  Pairing by_duals() const;
  /// ⟨f(x + hv), u⟩ and Σ |fᵢuᵢ|.
  Pairing moved(const Quad& h) const;

 private:
  Tensor random(const Shape& shape, std::uint64_t stream) const;

  const Registry& registry_;
  const Backend& reference_;
  const OpDef& op_;
  const Case& case_;
  const std::uint64_t seed_;
  const bool whole_;
  std::vector<Tensor> operands_;
  std::map<std::size_t, Tensor> directions_;  ///< by input
  std::map<std::size_t, Tensor> cotangents_;  ///< by output
};

Outcome check_duals(const RuleCase& rule);
/// On integers: equality.
Outcome check_duals_exactly(const RuleCase& whole);
Outcome check_differences(const RuleCase& rule);
Outcome check_taylor(const RuleCase& rule);

}  // namespace assay::verify
