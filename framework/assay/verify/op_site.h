// One op of one case as a site of its own, and the data that it is tried on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/graph/graph.h"
#include "assay/program/backend.h"

namespace assay::verify {

/// An op applied to the inputs "0", "1", ... of a case, in a graph of its own.
struct OpSite {
  Graph graph;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  Fields fields;  ///< complete

  /// As a backend is asked.
  Site site() const;
};

/// Real inputs have `dtype`. Throws Error where the op's shape rule refuses the case.
OpSite make_op_site(const OpTable& ops, const OpDef& op, const Case& c, DType dtype);

/// The same op with others behind it, each on output 0 of the one before with its fields at their defaults:
/// what a backend's pattern fuses. The other operands of an op behind are inputs of the site, by its first
/// case, or those of the last op by a case of its own.
struct ChainSite {
  Graph graph;
  std::vector<std::int32_t> nodes;
  Case geometry;  ///< of all inputs
  Site site() const;
};
struct ChainVariant {
  /// An activation or an update behind has those of its last case, not its default ones.
  bool other_settings = false;
  std::optional<Fields> settings{};  ///< of the last op
  std::optional<std::size_t>
      place{};  ///< operand of the last op that takes the value before it, not the usual one
  const Case* last = nullptr;  ///< of the last op: the shapes and domains of its other operands, its fields
};
/// An op behind takes the value before it as its first operand, but an update of a parameter as its gradient.
/// Throws Error where it refuses it.
ChainSite make_chain_site(const OpTable& ops, const OpDef& first, const std::vector<std::string>& others,
                          const Case& c, DType dtype, const ChainVariant& variant = {});
/// The operands of an op behind that could take the value, too.
std::vector<std::size_t> other_places(const OpDef& op);

/// What a chain of two is tried on.
struct ChainCase {
  Case first;                  ///< of the first op
  const Case* last = nullptr;  ///< of the op behind, where that has a say in the shapes
};
/// Whether the op behind has: where it takes tensors of several shapes, and the first op keeps the one shape
/// of its operands.
bool shapes_the_chain(const OpTable& ops, const OpDef& first, const OpDef& behind);
/// The chain for a case of the op behind. REQUIRES: shapes_the_chain(), and that `last` lives as long.
ChainCase chain_case(const OpDef& first, const OpDef& behind, const Case& last);

/// Whether the op is the derivative of another one, by its name: "relu_grad", whose first input is a
/// cotangent.
bool is_gradient(const OpDef& op);

/// The dtype of a case's input when real ones have `dtype`.
DType dtype_of(const CaseInput& input, DType dtype);

enum class Fill : std::uint8_t {
  full_mantissa,  ///< of order one, every bit used
  integers,  ///< one of 2 radius + 1 whole numbers, each as often: from −radius up, or from 1 where 0 is
             ///< not allowed (±, then, of a nonzero input)
  constant,  ///< one number of order one in every element of a tensor
  zeros,     ///< as full_mantissa, but one in four is 0, unless it is nonzero: where functions branch
  nans,      ///< as full_mantissa, but one in eight real numbers of any sign is no number, and one 0
  ends,      ///< the ends of the format: ±∞, half of all −∞, and the largest and smallest numbers
  wide,      ///< magnitudes from 2⁻¹² to 2⁷: what overflows without a shift, or vanishes beside another
};

/// How the inputs of a case are drawn. Integer inputs (indices, keys, masks) are drawn in every fill.
struct Draw {
  Fill fill = Fill::full_mantissa;
  std::uint64_t seed = 1;
  std::int64_t radius = 3;    ///< of integers
  std::int64_t multiple = 1;  ///< integers are multiples of this
  int exponent = 0;           ///< real numbers are scaled by 2^exponent
};

/// The same numbers in every dtype, rounded once to `dtype`.
std::vector<Tensor> make_inputs(const Case& c, DType dtype, const Draw& draw);
/// Input i alone.
Tensor make_input(const Case& c, std::size_t i, DType dtype, const Draw& draw);

/// Copies with real tensors converted to `dtype`.
std::vector<Tensor> convert_all(const std::vector<Tensor>& tensors, DType dtype);

/// The site with real ports of `dtype`: what a reference kernel of that dtype is asked for.
Site with_dtype(const Site& site, DType dtype);

/// "f32[2, 3] f32[4, 3]".
std::string shapes_of(const Site& site);

}  // namespace assay::verify
