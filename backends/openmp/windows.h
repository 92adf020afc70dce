// The framework's windows as the kernels' plain data.
#pragma once

#include "assay/ops/window.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp {

inline Axis axis_of(const WindowAxis& axis) {
  // With one window the stride says nothing, and a large one would only cost memory.
  const std::int64_t stride = axis.output <= 1 ? 1 : axis.stride;
  return {axis.input, axis.output, axis.size, stride, axis.dilation, axis.before};
}

}  // namespace assay::openmp
