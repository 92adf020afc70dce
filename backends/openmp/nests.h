// Builds the loops of ops that broadcast, permute or reduce.
#pragma once

#include <array>
#include <span>

#include "assay/core/shape.h"
#include "backends/openmp/kernel_types.h"

namespace assay::openmp {

using Strides = std::array<std::int64_t, Shape::kMaxRank>;

/// Elements from neighbour to neighbour along each axis of a dense tensor.
Strides dense_strides(const Shape& shape);

/// Strides with which a dense tensor of `shape` is read as if it had the shape `as`: 0 along broadcast axes.
Strides broadcast_strides(const Shape& shape, const Shape& as);

/// Loops over a dense result of `shape`, with the strides of each operand. Axes of one element are dropped,
/// and neighbours that every operand and the result walk as one are merged.
Nest make_nest(const Shape& shape, std::span<const Strides> operands);

}  // namespace assay::openmp
