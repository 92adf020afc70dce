// The blocked product behind GEMM and convolution: what is packed when, and in which order tiles are
// computed. What the operands are (a matrix, its transpose, patches of an image) is up to the sources, which
// fill packed buffers:
//
//   struct RowSource {     // left operand: rows [row, row + rows), depth [k, k + depth)
//     // Element (r, k) at result[r * stride + k]: either the operand itself or `buffer`, filled.
//     const T* rows(row, rows, k, depth, T* buffer, std::int64_t& stride) const;
//   };
//   struct ColumnSource {  // right operand: columns [column, column + columns) of a panel `width` wide
//     // Where the panel can be read in place, or null: element (k, c) at result[k * stride + c].
//     const T* in_place(column, columns, width, k, std::int64_t& stride) const;
//     // Otherwise packs it, padded with anything finite up to `width`: element (k, c) at to[k * width + c].
//     void pack(column, columns, width, k, depth, T* to) const;
//   };
//   struct Sink {          // where sums go
//     // Where the tiles of this block are written.
//     TileTarget<T> open(row, rows, column, columns, bool first) const;
//     // Called when a block of depth is done.
//     void close(row, rows, column, columns, bool first, bool last) const;
//   };
#pragma once

#include <cstdint>

#include "backends/openmp/isa/gemm_tile.h"
#include "backends/openmp/isa/threads.h"

namespace assay::openmp::ASSAY_ISA {

// Depth of a block: a packed row block of kStripRows rows and the working part of a panel fit the first-level
// cache.
inline constexpr std::int64_t kDepthBytes = 2048;
// Packed columns of one block: they stay in the second-level cache while all rows pass.
#if defined(ASSAY_ISA_avx512)
inline constexpr std::int64_t kColumnBlockBytes = 512 * 1024;
#else
inline constexpr std::int64_t kColumnBlockBytes = 192 * 1024;
#endif
// Rows that are packed together; a multiple of the tile's rows.
inline constexpr std::int64_t kStripRows = 2 * kTileRows;
// Multiply-adds that are worth another thread.
inline constexpr double kThreadWork = 65536.0;
// One cache line between packed rows, so that rows of 2^n bytes do not fall into one cache set.
template <class T>
inline constexpr std::int64_t kRowGap = 64 / sizeof(T);

/// Sizes of the blocks that a product of this extent is cut into; each dimension is cut evenly.
struct Blocking {
  std::int64_t depth;    ///< largest depth of a block
  std::int64_t columns;  ///< largest number of columns of a block, a multiple of the lanes
  // What is read in place throughout needs no room.
  bool packs_columns = true;
  bool packs_rows = true;
};

template <class T>
inline Blocking blocking_of(std::int64_t columns, std::int64_t depth) {
  constexpr std::int64_t lanes = kLanes<T>;
  constexpr std::int64_t panel = kTileVectors * lanes;
  constexpr std::int64_t size = sizeof(T);
  const std::int64_t whole_depth = larger(depth, 1);
  const std::int64_t block_depth = ceil_div(whole_depth, ceil_div(whole_depth, kDepthBytes / size));
  const std::int64_t limit = larger(panel, kColumnBlockBytes / size / block_depth / panel * panel);
  const std::int64_t vectors = ceil_div(larger(columns, 1), lanes);
  return {block_depth, ceil_div(vectors, ceil_div(vectors * lanes, limit)) * lanes};
}

/// Elements of scratch for packed columns, and for packed rows behind them.
template <class T>
inline std::int64_t column_scratch(const Blocking& blocking) {
  return blocking.packs_columns ? round_up(blocking.depth * blocking.columns, kRowGap<T>) : 0;
}
template <class T>
inline std::int64_t packed_row_stride(std::int64_t depth) {
  return round_up(depth, kRowGap<T>) + kRowGap<T>;
}
template <class T>
inline std::int64_t row_scratch(const Blocking& blocking) {
  return blocking.packs_rows ? kStripRows * packed_row_stride<T>(blocking.depth) : 0;
}

/// Tiles of a block: element (r, c) at c[r * row + c], and what the tiles do with it.
template <class T>
struct TileTarget {
  T* c;
  std::int64_t row;
  T alpha;
  T beta;
};

/// Rows × columns of the product that one thread computes.
struct Share {
  Range rows;
  Range columns;
};

/// All products of the share. `scratch` has column_scratch + row_scratch elements. Order of every sum:
/// ascending k within a block of depth, block after block.
template <class T, class RowSource, class ColumnSource, class Sink>
void multiply_blocks(const Share& share, std::int64_t depth, const Blocking& blocking,
                     const RowSource& row_source, const ColumnSource& column_source, const Sink& sink,
                     T* scratch) {
  constexpr std::int64_t lanes = kLanes<T>;
  if (share.rows.begin >= share.rows.end || share.columns.begin >= share.columns.end) return;
  T* const packed_columns = scratch;
  T* const packed_rows = scratch + column_scratch<T>(blocking);
  const std::int64_t depth_blocks = larger(1, ceil_div(depth, blocking.depth));
  const std::int64_t strips = ceil_div(share.rows.end - share.rows.begin, kStripRows);
  for (std::int64_t c0 = share.columns.begin; c0 < share.columns.end; c0 += blocking.columns) {
    const std::int64_t columns = smaller(blocking.columns, share.columns.end - c0);
    const std::int64_t vectors = ceil_div(columns, lanes);
    const std::int64_t panels = ceil_div(vectors, kTileVectors);
    for (std::int64_t d = 0; d < depth_blocks; ++d) {
      const Range k = part_of(depth, depth_blocks, d);
      const std::int64_t block_depth = k.end - k.begin;
      const bool first = d == 0;
      const bool last = d + 1 == depth_blocks;
      for (std::int64_t p = 0; p < panels; ++p) {
        const Range panel = part_of(vectors, panels, p);
        const std::int64_t begin = panel.begin * lanes;
        const std::int64_t width = (panel.end - panel.begin) * lanes;
        const std::int64_t valid = smaller(width, columns - begin);
        std::int64_t stride = 0;
        if (column_source.in_place(c0 + begin, valid, width, k.begin, stride) != nullptr) continue;
        column_source.pack(c0 + begin, valid, width, k.begin, block_depth,
                           packed_columns + begin * block_depth);
      }
      for (std::int64_t s = 0; s < strips; ++s) {
        const Range strip = part_of(share.rows.end - share.rows.begin, strips, s);
        const std::int64_t r0 = share.rows.begin + strip.begin;
        const std::int64_t rows = strip.end - strip.begin;
        std::int64_t row_stride = 0;
        const T* a = row_source.rows(r0, rows, k.begin, block_depth, packed_rows, row_stride);
        const TileTarget<T> target = sink.open(r0, rows, c0, columns, first);
        const std::int64_t tiles = ceil_div(rows, kTileRows);
        for (std::int64_t t = 0; t < tiles; ++t) {
          const Range tile = part_of(rows, tiles, t);
          for (std::int64_t p = 0; p < panels; ++p) {
            const Range panel = part_of(vectors, panels, p);
            const std::int64_t begin = panel.begin * lanes;
            const std::int64_t width = (panel.end - panel.begin) * lanes;
            std::int64_t column_stride = width;
            const T* in_place = column_source.in_place(c0 + begin, smaller(width, columns - begin), width,
                                                       k.begin, column_stride);
            const TileCall<T> call{
                block_depth,   a + tile.begin * row_stride,
                row_stride,    in_place != nullptr ? in_place : packed_columns + begin * block_depth,
                column_stride, target.c + tile.begin * target.row + begin,
                target.row,    columns - begin,
                target.alpha,  target.beta};
            tile_function<T>(tile.end - tile.begin, panel.end - panel.begin)(call);
          }
        }
        sink.close(r0, rows, c0, columns, first, last);
      }
    }
  }
}

}  // namespace assay::openmp::ASSAY_ISA
