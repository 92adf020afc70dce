// Row-major strides and odometers: how the reference kernels walk tensors that broadcast or permute.
#pragma once

#include <array>
#include <cstdint>

#include "assay/core/shape.h"

namespace assay::reference {

using Strides = std::array<std::int64_t, Shape::kMaxRank>;

/// Elements between neighbours along each axis of a dense tensor.
inline Strides row_major_strides(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/// Strides with which a tensor of `shape` is read as if it had the shape `as`: 0 along broadcast axes.
inline Strides broadcast_strides(const Shape& shape, const Shape& as) {
  const Strides own = row_major_strides(shape);
  Strides strides{};
  const int lead = as.rank() - shape.rank();
  for (int axis = lead; axis < as.rank(); ++axis)
    strides[axis] = shape[axis - lead] == 1 ? 0 : own[axis - lead];
  return strides;
}

/// Calls f(i, offset...) for every element i of `shape` in row-major order, with one offset per stride set.
template <std::size_t n, class F>
void walk(const Shape& shape, const std::array<Strides, n>& strides, F f) {
  std::array<std::int64_t, Shape::kMaxRank> index{};
  std::array<std::int64_t, n> offset{};
  const std::int64_t count = shape.count();
  if (count == 1) return f(std::int64_t{0}, offset);
  for (std::int64_t i = 0; i < count; ++i) {
    f(i, offset);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      for (std::size_t k = 0; k < n; ++k) offset[k] += strides[k][axis];
      if (++index[axis] < shape[axis]) break;
      for (std::size_t k = 0; k < n; ++k) offset[k] -= strides[k][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace assay::reference
