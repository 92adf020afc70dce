// Builds the loops over tensors that broadcast, permute or reduce.
#pragma once

#include <array>
#include <span>

#include "assay/core/shape.h"
#include "backends/eigen/isa/kernels.h"

namespace assay::eigen {

using Strides = std::array<Index, Shape::kMaxRank>;

/// Elements between neighbours along each axis of a dense tensor.
Strides dense_strides(const Shape& shape);

/// Strides with which a dense tensor of `shape` is read as if it had the shape `as`: 0 along broadcast axes.
Strides broadcast_strides(const Shape& shape, const Shape& as);

/// Loops over `shape` with one set of strides per operand: axes of one element are dropped, and neighbours
/// that every operand walks as one are merged.
Nest make_nest(const Shape& shape, std::span<const Strides> operands);

/// The same for a copy from operand 0 to operand 1, with the loops exchanged where that makes both sides
/// contiguous (Nest::transposed).
Nest make_copy_nest(const Shape& shape, const Strides& from, const Strides& to);

}  // namespace assay::eigen
