// How the gradient of a convolution by its input is computed: gathered, each element of dx summed over the
// windows that it lies in, or scattered, each window's products added to dx.
#pragma once

#include "backends/openmp/window_types.h"

namespace assay::openmp {

/// Gathering multiplies at every position of dx, by zeros where no window lies; scattering at every window,
/// and then adds each product to memory. So scattering pays where the windows are few beside the positions:
/// under large kernels without padding.
inline bool is_scattered(const Convolution& s) {
  const std::int64_t positions = s.height.input * s.width.input;
  const std::int64_t reached = s.height.output * s.height.stride * s.width.output * s.width.stride;
  return 2 * positions >= 3 * reached;
}

}  // namespace assay::openmp
