// Ops that move elements and compute nothing: reshape, transpose, broadcast_to, concat, slice, pad, gather.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assay/graph/graph.h"

namespace assay {

/// The same elements in row-major order under another shape of equal count; x itself where the shape is its
/// own.
Value reshape(Value x, const Shape& shape);
/// y[i_axes[0], i_axes[1], …] = x[…]: output axis k is input axis axes[k].
Value transpose(Value x, std::vector<std::int64_t> axes);
Value broadcast_to(Value x, const Shape& shape);
Value concat(std::span<const Value> values, std::int64_t axis);
/// Elements [start, stop) along an axis.
Value slice(Value x, std::int64_t axis, std::int64_t start, std::int64_t stop);
/// Cuts an axis into pieces of the given extents, which must add up to it.
std::vector<Value> split(Value x, std::int64_t axis, std::span<const std::int64_t> extents);
/// Zeros before and after along an axis.
Value pad(Value x, std::int64_t axis, std::int64_t before, std::int64_t after);
/// Rows of a table [V, D…] by an i32 index of any shape: [index…, D…]. Indices outside [0, V) yield NaN rows
/// and pass no gradient on: what is added to row i of the gradient is that of every index equal to i.
Value gather(Value table, Value index);

void register_movement_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
