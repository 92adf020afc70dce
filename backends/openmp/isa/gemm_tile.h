// The register tile of GEMM: at most kTileRows × (kTileVectors vectors) elements of C stay in registers over
// the whole depth. Elements of A are read one at a time, B by vectors.
#pragma once

#include <cstdint>
#include <utility>

#include "backends/openmp/isa/simd.h"

namespace assay::openmp::ASSAY_ISA {

// The largest tiles whose sums, one row of B and one broadcast element fit the registers (32, 16 and 16 of
// them).
#if defined(ASSAY_ISA_avx512)
inline constexpr int kTileRows = 8;
inline constexpr int kTileVectors = 3;
#elif defined(ASSAY_ISA_avx2)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 2;
#else
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 2;
#endif

template <class T>
struct TileCall {
  std::int64_t depth;
  const T* a;  ///< element (r, k) at a[r * a_row + k]; of a tile across, at a[k * a_row + r]
  std::int64_t a_row;
  const T* b;  ///< element (k, c) at b[k * b_row + c]
  std::int64_t b_row;
  T* c;  ///< element (r, c) at c[r * c_row + c]
  std::int64_t c_row;
  std::int64_t columns;  ///< of C that exist; the last vector of the tile may be partial
  T alpha;
  T beta;  ///< 0: C is not read
};

/// C = alpha·A·B + beta·C, where A may lie `Across`. Every element is one chain of (fused) multiply-adds in
/// the order of k, whatever the tile.
template <class T, int Rows, int Vectors, bool Across = false>
void multiply_tile(const TileCall<T>& call) {
  constexpr int lanes = kLanes<T>;
  Vec<T> sum[Rows][Vectors]{};
  const T* a = call.a;
  const T* b = call.b;
  const std::int64_t a_row = call.a_row;
  const std::int64_t b_row = call.b_row;
  for (std::int64_t k = 0; k < call.depth; ++k) {
    Vec<T> row[Vectors];
    for (int v = 0; v < Vectors; ++v) row[v] = load(b + v * lanes);
    for (int r = 0; r < Rows; ++r) {
      const Vec<T> element = splat(Across ? a[k * a_row + r] : a[r * a_row + k]);
      for (int v = 0; v < Vectors; ++v) sum[r][v] = multiply_add(element, row[v], sum[r][v]);
    }
    b += b_row;
  }
  const Vec<T> alpha = splat(call.alpha);
  const Vec<T> beta = splat(call.beta);
  const bool whole = call.columns >= Vectors * lanes;
  for (int r = 0; r < Rows; ++r) {
    T* c = call.c + r * call.c_row;
    for (int v = 0; v < Vectors; ++v) {
      const std::int64_t left = whole ? lanes : call.columns - v * lanes;
      Vec<T> result = alpha * sum[r][v];
      if (call.beta != T(0)) result = multiply_add(beta, load_up_to(c + v * lanes, left), result);
      store_up_to(c + v * lanes, result, left);
    }
  }
}

template <class T>
using TileFunction = void (*)(const TileCall<T>&);

template <class T, bool Across, class Index>
struct TileTable;
template <class T, bool Across, int... Index>
struct TileTable<T, Across, std::integer_sequence<int, Index...>> {
  static constexpr TileFunction<T> functions[] = {
      multiply_tile<T, Index / kTileVectors + 1, Index % kTileVectors + 1, Across>...};
};

/// The function of a tile of so many rows and vectors.
template <class T, bool Across = false>
inline TileFunction<T> tile_function(std::int64_t rows, std::int64_t vectors) {
  using Table = TileTable<T, Across, std::make_integer_sequence<int, kTileRows * kTileVectors>>;
  return Table::functions[(rows - 1) * kTileVectors + (vectors - 1)];
}

}  // namespace assay::openmp::ASSAY_ISA
