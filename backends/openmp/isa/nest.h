// Walks a Nest: hands its innermost loops, or parts of them, to a body, with the place of each operand.
#pragma once

#include "backends/openmp/isa/threads.h"
#include "backends/openmp/kernel_types.h"

namespace assay::openmp::ASSAY_ISA {

/// Where operand 0 is after `index` steps of the loops together. REQUIRES: index is less than their number.
inline std::int64_t offset_of(const Nest& nest, std::int64_t index) {
  std::int64_t offset = 0;
  for (int d = nest.rank - 1; d > 0; index /= nest.extent[d], --d) {
    offset += index % nest.extent[d] * nest.stride[0][d];
  }
  return offset + index * nest.stride[0][0];
}

/// body(i, count, at) for runs of `count` elements along the innermost loop: the result's start at i, operand
/// p's at at[p], stepping by nest.stride[p][rank − 1].
template <int operands, class Body>
inline void walk_nest(const Nest& nest, int threads, std::int64_t unit, std::int64_t grain,
                      const Body& body) {
  std::int64_t total = 1;
  for (int d = 0; d < nest.rank; ++d) total *= nest.extent[d];
  const int inner = nest.rank - 1;
  const std::int64_t run = nest.extent[inner];
  parallel_ranges(threads, total, unit, grain, [&](Range range) {
    std::int64_t index[kMaxLoops];
    std::int64_t at[operands] = {};
    std::int64_t rest = range.begin;
    for (int d = inner; d >= 0; --d) {
      index[d] = rest % nest.extent[d];
      rest /= nest.extent[d];
      for (int p = 0; p < operands; ++p) at[p] += index[d] * nest.stride[p][d];
    }
    for (std::int64_t i = range.begin; i < range.end;) {
      const std::int64_t count = smaller(run - index[inner], range.end - i);
      body(i, count, at);
      i += count;
      // The next run starts at the innermost loop's beginning, one step on in the loops around it.
      for (int p = 0; p < operands; ++p) at[p] -= index[inner] * nest.stride[p][inner];
      index[inner] = 0;
      for (int d = inner - 1; d >= 0; --d) {
        for (int p = 0; p < operands; ++p) at[p] += nest.stride[p][d];
        if (++index[d] < nest.extent[d]) break;
        for (int p = 0; p < operands; ++p) at[p] -= nest.extent[d] * nest.stride[p][d];
        index[d] = 0;
      }
    }
  });
}

}  // namespace assay::openmp::ASSAY_ISA
