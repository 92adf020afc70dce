// What the shape rules of ops ask of their operands. Each check throws Error with both sides of the mismatch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "assay/core/shape.h"
#include "assay/graph/op.h"

namespace assay {

/// The operand carries real numbers.
void require_real(std::string_view name, const Spec& operand);

/// The operand is real and has the rank of `axes`, such as "[N, C, H, W]".
void require_image(std::string_view name, const Spec& operand, std::string_view axes);

/// The operand is exactly `wanted`; `because` ends the sentence "bias is f32[3], but f32[4] is wanted: ...".
void require_spec(std::string_view name, const Spec& operand, const Spec& wanted, std::string_view because);

/// The extents of a shape, as a field holds them.
std::vector<std::int64_t> to_integers(const Shape& shape);

/// Adds an op under its own name.
void add_op(OpTable& ops, OpDef op, const std::string& owner);

}  // namespace assay
