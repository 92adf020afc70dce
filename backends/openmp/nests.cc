#include "backends/openmp/nests.h"

namespace assay::openmp {

Strides dense_strides(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

Strides broadcast_strides(const Shape& shape, const Shape& as) {
  const Strides own = dense_strides(shape);
  const auto added = static_cast<std::size_t>(as.rank() - shape.rank());
  Strides strides{};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    if (shape[axis] != 1) strides[added + i] = own[i];
  }
  return strides;
}

Nest make_nest(const Shape& shape, std::span<const Strides> operands) {
  Nest nest{};
  const auto joins = [&](int axis) {
    for (std::size_t p = 0; p < operands.size(); ++p) {
      const std::int64_t step = operands[p][static_cast<std::size_t>(axis)];
      if (nest.stride[p][nest.rank - 1] != step * shape[axis]) return false;
    }
    return true;
  };
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool merged = nest.rank > 0 && joins(axis);
    const int loop = merged ? nest.rank - 1 : nest.rank++;
    nest.extent[loop] = merged ? nest.extent[loop] * shape[axis] : shape[axis];
    for (std::size_t p = 0; p < operands.size(); ++p) {
      nest.stride[p][loop] = operands[p][static_cast<std::size_t>(axis)];
    }
  }
  if (nest.rank == 0) {  // one element
    nest.rank = 1;
    nest.extent[0] = 1;
    for (std::size_t p = 0; p < operands.size(); ++p) nest.stride[p][0] = 1;
  }
  return nest;
}

}  // namespace assay::openmp
