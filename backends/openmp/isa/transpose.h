// The transpose of a block in registers: how operands of GEMM are packed, its transposed results stored, and
// matrices transposed.
#pragma once

#include <cstdint>
#include <utility>

#include "backends/openmp/isa/simd.h"
#include "backends/openmp/isa/threads.h"

namespace assay::openmp::ASSAY_ISA {

/// One step of the recursive transpose: swaps the off-diagonal blocks of `Half` lanes between two rows that
/// lie `Half` rows apart.
template <int Half, class V, int... Lane>
ASSAY_INLINE void exchange(V& upper, V& lower, std::integer_sequence<int, Lane...>) {
  constexpr int lanes = sizeof...(Lane);
  const V a = upper;
  const V b = lower;
  upper = __builtin_shufflevector(a, b, (Lane & Half ? lanes + Lane - Half : Lane)...);
  lower = __builtin_shufflevector(a, b, (Lane & Half ? lanes + Lane : Lane + Half)...);
}

template <int Half, class V>
ASSAY_INLINE void transpose_step(V* rows) {
  constexpr int lanes = kLanes<Element<V>>;
  if constexpr (Half < lanes) {
    for (int i = 0; i < lanes; ++i) {
      if ((i & Half) == 0) exchange<Half>(rows[i], rows[i + Half], std::make_integer_sequence<int, lanes>{});
    }
    transpose_step<2 * Half>(rows);
  }
}

/// to[c][r] = from[r][c] for r < rows, c < columns; `from` and `to` are row-major with the given row strides.
/// Rows of `to` are padded with zeros up to `padded` elements. REQUIRES: rows <= padded, and no overlap.
template <class T>
void transpose_block(const T* from, std::int64_t from_row, std::int64_t rows, std::int64_t columns, T* to,
                     std::int64_t to_row, std::int64_t padded) {
  constexpr int lanes = kLanes<T>;
  for (std::int64_t r = 0; r < padded; r += lanes) {
    const std::int64_t rows_left = rows - r;
    const std::int64_t padded_left = padded - r;
    for (std::int64_t c = 0; c < columns; c += lanes) {
      const std::int64_t columns_left = columns - c;
      const T* source = from + r * from_row + c;
      T* target = to + c * to_row + r;
      Vec<T> v[lanes];
      if (rows_left >= lanes && columns_left >= lanes && padded_left >= lanes) {
        for (int i = 0; i < lanes; ++i) v[i] = load(source + i * from_row);
        transpose_step<1>(v);
        for (int i = 0; i < lanes; ++i) store(target + i * to_row, v[i]);
      } else {
        for (int i = 0; i < lanes; ++i) {
          v[i] = i < rows_left ? load_up_to(source + i * from_row, columns_left) : Vec<T>{};
        }
        transpose_step<1>(v);
        for (int i = 0; i < smaller(lanes, columns_left); ++i)
          store_up_to(target + i * to_row, v[i], padded_left);
      }
    }
  }
}

}  // namespace assay::openmp::ASSAY_ISA
