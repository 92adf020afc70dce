// Convolution without GEMM, for groups of few channels (depthwise above all): packing would cost as much as
// the sums.
#pragma once

#include "backends/openmp/isa/patches.h"

namespace assay::openmp::ASSAY_ISA {

/// Sums of `vectors` vectors of windows in output row i, from window j on: Σ weight[c, p, q] · patch, in the
/// order of c, p, q. REQUIRES: a copied image, because vectors are loaded whole.
template <class T, int vectors>
ASSAY_INLINE void sum_windows(const Patches<T>& patches, std::int64_t channels, const T* weight,
                              std::int64_t i, std::int64_t j, Vec<T>* sums) {
  const std::int64_t rows = patches.height.taps, columns = patches.width.taps;
  Vec<T> sum[vectors]{};
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t p = 0; p < rows; ++p, weight += columns) {
      const T* row = patches.row(c, i, p);
      if (row == patches.image.padding) continue;
      TapColumn tap = patches.first;
      for (std::int64_t q = 0; q < columns; ++q, tap.next()) {
        const T* from = row + tap.offset() + j;
        const Vec<T> w = splat(weight[q]);
        for (int v = 0; v < vectors; ++v) sum[v] = multiply_add(w, load(from + v * kLanes<T>), sum[v]);
      }
    }
  }
  for (int v = 0; v < vectors; ++v) sums[v] = sum[v];
}

/// finish(j, sums, count) for the windows [j, j + count) of output row i, kBlockVectors vectors at a time.
template <class T, class Finish>
inline void sum_row(const Patches<T>& patches, std::int64_t channels, const T* weight, std::int64_t i,
                    const Finish& finish) {
  constexpr std::int64_t block = kBlockVectors * kLanes<T>;
  Vec<T> sums[kBlockVectors];
  for (std::int64_t j = 0; j < patches.width.output; j += block) {
    const std::int64_t left = patches.width.output - j;
    if (left <= kLanes<T>) {
      sum_windows<T, 1>(patches, channels, weight, i, j, sums);
    } else if (left <= 2 * kLanes<T>) {
      sum_windows<T, 2>(patches, channels, weight, i, j, sums);
    } else {
      sum_windows<T, kBlockVectors>(patches, channels, weight, i, j, sums);
    }
    finish(j, sums, smaller(block, left));
  }
}

/// Stores the first `count` elements of some vectors.
template <class T>
ASSAY_INLINE void store_block(T* to, const Vec<T>* v, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += kLanes<T>) store_up_to(to + i, v[i / kLanes<T>], count - i);
}

}  // namespace assay::openmp::ASSAY_ISA
