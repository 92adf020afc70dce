// The oracles that judge an op's derivative rule on one geometry, on the reference alone, in quad: dual
// numbers (D), central differences (F) and the order of the Taylor remainder (T). Three ways to ⟨Jv, u⟩ that
// share less and less with the rule.
#pragma once

#include <cstdint>
#include <functional>
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

enum class Direction : std::uint8_t { random, ones };

/// An op on a case with data x as drawn, random signed directions v for every input through which derivatives
/// flow, and random signed cotangents u for every real output.
class RuleCase {
 public:
  RuleCase(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
           const Draw& draw, Direction direction = Direction::random);

  const OpDef& op() const { return op_; }
  bool has_directions() const { return !directions_.empty(); }
  /// Inputs through which derivatives flow, and outputs that they come through.
  std::vector<std::size_t> inputs() const;
  std::vector<std::size_t> outputs() const;
  /// From now on only the derivative by this input is wanted, or comes through this output.
  void keep_input(std::size_t input);
  void keep_output(std::size_t output);
  /// From now on it is not.
  void leave_input(std::size_t input) { directions_.erase(input); }
  void leave_output(std::size_t output) { cotangents_.erase(output); }
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
  const std::uint64_t seed_;  // of directions and cotangents
  std::vector<Tensor> operands_;
  std::map<std::size_t, Tensor> directions_;  ///< by input
  std::map<std::size_t, Tensor> cotangents_;  ///< by output
};

/// How fast the remainder of a first-order expansion falls.
struct TaylorOrder {
  bool within_rounding = false;  ///< at every step: the function is affine along the direction
  double order = 0.0;
  Quad first = 0, last = 0;  ///< remainders at the largest and the smallest step
};
/// `f` is the function along a direction with the magnitude of its terms, `slope` its derivative there. Steps
/// are made smaller until the order is one of a smooth function: until no kink lies within them.
TaylorOrder taylor_order(const std::function<Pairing(const Quad& h)>& f, const Quad& slope);
Outcome outcome_of(const TaylorOrder& taylor);

/// G: the ops that an op is expanded into, where a backend refuses it whole, against the op itself.
Outcome check_expansion(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                        std::uint64_t seed);

/// G: calls of the op that differ in little — in one setting, in the order of two operands, in a constant's
/// last bits, in the output that is read — beside each other in one program: none is taken for another, and
/// no operand for a neutral one.
Outcome check_merging(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                      std::uint64_t seed);

/// D: the rule against dual numbers.
Outcome check_duals(const RuleCase& rule);
/// D on zeros and ties, where the rule and the forward kernel must choose the same side, or the rule share
/// the cotangent among equals: moving all of them together, nothing is made or lost.
Outcome check_duals_on_ties(const Registry& registry, const Backend& reference, const OpDef& op,
                            const Case& c, std::uint64_t seed);
/// D where one input's derivative is wanted, or all but one, or it comes through one output, or all but one:
/// rules may leave out the rest.
Outcome check_duals_of_each(const Registry& registry, const Backend& reference, const OpDef& op,
                            const Case& c, std::uint64_t seed);
/// M: the rule, and the expansion, build the same graph in every dtype. They are proven in quad alone.
Outcome check_rule_in_every_dtype(const Registry& registry, const OpDef& op, const Case& c);
/// F: the rule against central differences.
Outcome check_differences(const RuleCase& rule);
/// T: the order of the remainder of f(x) + h ⟨v, Jᵀu⟩.
Outcome check_taylor(const RuleCase& rule);

}  // namespace assay::verify
