// Reductions over axes: sum, mean, max; and their inverse on shapes, sum_to.
#pragma once

#include <string>
#include <vector>

#include "assay/graph/graph.h"

namespace assay {

/// Over `axes` (none: over all; negative ones count from the end), which stay with extent 1 where `keep`.
/// mean and max of an empty range are errors.
Value sum(Value x, std::vector<std::int64_t> axes = {}, bool keep = false);
Value mean(Value x, std::vector<std::int64_t> axes = {}, bool keep = false);
Value max(Value x, std::vector<std::int64_t> axes = {}, bool keep = false);

/// Sums x over the axes along which `shape` was broadcast to x's shape: the derivative of broadcasting.
Value sum_to(Value x, const Shape& shape);

/// `axes` as ascending, non-negative axes of a tensor of that rank; empty: all. Throws Error for one out of
/// range or twice.
std::vector<int> normalized_axes(const std::vector<std::int64_t>& axes, int rank);

void register_reduce_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
