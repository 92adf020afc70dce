// Walks the outer loops of a Nest.
#pragma once

#include "backends/eigen/isa/kernels.h"

namespace assay::eigen::ASSAY_ISA {

/// Calls f(offset_0, …, offset_{operands−1}) at the start of every run, outermost loop first.
template <int operands, class F>
void for_each_run(const Nest& nest, F f) {
  if (nest.empty) return;
  Index at[kMaxRank] = {};
  Index offset[operands] = {};
  while (true) {
    if constexpr (operands == 2) f(offset[0], offset[1]);
    if constexpr (operands == 3) f(offset[0], offset[1], offset[2]);
    if constexpr (operands == 4) f(offset[0], offset[1], offset[2], offset[3]);
    int axis = nest.rank - 1;
    for (; axis >= 0; --axis) {
      for (int k = 0; k < operands; ++k) offset[k] += nest.stride[k][axis];
      if (++at[axis] < nest.extent[axis]) break;
      for (int k = 0; k < operands; ++k) offset[k] -= nest.stride[k][axis] * nest.extent[axis];
      at[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace assay::eigen::ASSAY_ISA
