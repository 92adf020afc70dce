#include "backends/eigen/nests.h"

#include <algorithm>
#include <vector>

namespace assay::eigen {
namespace {

struct Axis {
  Index extent = 1;
  std::array<Index, Nest::kOperands> stride{};
};

std::vector<Axis> merged_axes(const Shape& shape, std::span<const Strides> operands) {
  std::vector<Axis> axes;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1) continue;
    Axis axis{shape[i]};
    for (std::size_t k = 0; k < operands.size(); ++k)
      axis.stride[k] = operands[k][static_cast<std::size_t>(i)];
    const bool joins = !axes.empty() && [&] {
      for (std::size_t k = 0; k < operands.size(); ++k) {
        if (axes.back().stride[k] != axis.stride[k] * axis.extent) return false;
      }
      return true;
    }();
    if (joins) {
      axis.extent *= axes.back().extent;
      axes.back() = axis;
    } else {
      axes.push_back(axis);
    }
  }
  if (axes.empty()) {  // one element
    axes.push_back({});
    axes.back().stride.fill(1);
  }
  return axes;
}

Nest nest_of(const std::vector<Axis>& axes) {
  Nest nest;
  nest.rank = static_cast<int>(axes.size()) - 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].extent == 0) nest.empty = true;
    for (std::size_t k = 0; k < Nest::kOperands; ++k) {
      (i + 1 < axes.size() ? nest.stride[k][i] : nest.run_stride[k]) = axes[i].stride[k];
    }
    (i + 1 < axes.size() ? nest.extent[i] : nest.run) = axes[i].extent;
  }
  return nest;
}

}  // namespace

Strides dense_strides(const Shape& shape) {
  Strides strides{};
  Index step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

Strides broadcast_strides(const Shape& shape, const Shape& as) {
  const Strides own = dense_strides(shape);
  Strides strides{};
  const int lead = as.rank() - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    strides[static_cast<std::size_t>(lead + axis)] =
        shape[axis] == 1 ? 0 : own[static_cast<std::size_t>(axis)];
  }
  return strides;
}

Nest make_nest(const Shape& shape, std::span<const Strides> operands) {
  return nest_of(merged_axes(shape, operands));
}

Nest make_copy_nest(const Shape& shape, const Strides& from, const Strides& to) {
  const Strides operands[] = {from, to};
  std::vector<Axis> axes = merged_axes(shape, operands);
  const Axis& run = axes.back();
  if (run.stride[0] <= 1 || run.stride[1] != 1) return nest_of(axes);
  const auto contiguous =
      std::find_if(axes.begin(), axes.end(), [](const Axis& axis) { return axis.stride[0] == 1; });
  if (contiguous == axes.end()) return nest_of(axes);
  std::rotate(contiguous, contiguous + 1, axes.end() - 1);
  Nest nest = nest_of(axes);
  nest.transposed = true;
  return nest;
}

}  // namespace assay::eigen
