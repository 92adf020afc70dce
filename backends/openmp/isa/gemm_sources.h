// Matrices as operands and results of multiply_blocks(), see gemm_block.h.
#pragma once

#include "backends/openmp/isa/epilogue.h"
#include "backends/openmp/isa/gemm_block.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/transpose.h"

namespace assay::openmp::ASSAY_ISA {

/// Whether rows this far apart fall into few sets of the first-level cache (64 sets of 64 bytes).
template <class T>
inline bool strides_collide(std::int64_t stride) {
  const std::int64_t offset = stride * static_cast<std::int64_t>(sizeof(T)) % 2048;
  return offset < 128 || offset > 2048 - 128;
}

/// Rows of a matrix with element (r, k) at data[r * row_stride + k * depth_stride].
template <class T>
struct MatrixRows {
  const T* data;
  std::int64_t row_stride;
  std::int64_t depth_stride;
  bool copy;  ///< pack rows that could be read in place

  const T* rows(std::int64_t row, std::int64_t rows, std::int64_t k, std::int64_t depth, T* buffer,
                std::int64_t& stride) const {
    const T* from = data + row * row_stride + k * depth_stride;
    if (depth_stride == 1 && !copy) {
      stride = row_stride;
      return from;
    }
    stride = packed_row_stride<T>(depth);
    if (depth_stride == 1) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const T* source = from + r * row_stride;
        T* target = buffer + r * stride;
        for_lanes<T>(0, depth,
                     [&](std::int64_t i, auto lanes) { lanes.store(target + i, lanes.load(source + i)); });
      }
    } else if (row_stride == 1) {
      transpose_block(from, depth_stride, depth, rows, buffer, stride, depth);
    } else {
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t d = 0; d < depth; ++d)
          buffer[r * stride + d] = from[r * row_stride + d * depth_stride];
      }
    }
    return buffer;
  }
};

/// Columns of a matrix with element (k, c) at data[k * depth_stride + c * column_stride].
template <class T>
struct MatrixColumns {
  const T* data;
  std::int64_t depth_stride;
  std::int64_t column_stride;
  bool direct;  ///< read whole panels in place where they lie contiguous

  const T* in_place(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k,
                    std::int64_t& stride) const {
    if (!direct || columns != width) return nullptr;
    stride = depth_stride;
    return data + k * depth_stride + column;
  }

  void pack(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k, std::int64_t depth,
            T* to) const {
    const T* from = data + k * depth_stride + column * column_stride;
    if (column_stride == 1) {
      constexpr std::int64_t ahead = 8;  // rows are far apart: their lines are asked for early
      for (std::int64_t d = 0; d < depth; ++d) {
        const T* source = from + d * depth_stride;
        T* target = to + d * width;
        for (std::int64_t i = 0; i < width; i += kLanes<T>) {
          __builtin_prefetch(source + ahead * depth_stride + i);
          store(target + i, load_up_to(source + i, larger(0, columns - i)));
        }
      }
    } else if (depth_stride == 1) {
      transpose_block(from, column_stride, columns, depth, to, width, width);
    } else {
      for (std::int64_t d = 0; d < depth; ++d) {
        for (std::int64_t c = 0; c < width; ++c) {
          to[d * width + c] = c < columns ? from[d * depth_stride + c * column_stride] : T(0);
        }
      }
    }
  }
};

/// C = alpha·sums + beta·C, then the epilogue. `c` is element (0, 0).
template <class T>
struct MatrixSink {
  T* c;
  std::int64_t c_row;
  T alpha;
  T beta;
  Epilogue<T> epilogue;

  TileTarget<T> open(std::int64_t row, std::int64_t, std::int64_t column, std::int64_t, bool first) const {
    return {c + row * c_row + column, c_row, alpha, first ? beta : T(1)};
  }
  void close(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns, bool,
             bool last) const {
    if (last) finish_block(epilogue, c + row * c_row + column, c_row, row, rows, column, columns);
  }
};

/// The same for a product that computes Cᵀ: its rows are columns of C. Sums are collected in `strip`,
/// kStripRows rows of strip_row elements, and stored transposed.
template <class T>
struct TransposedSink {
  T* c;
  std::int64_t c_row;
  T alpha;
  T beta;
  Epilogue<T> epilogue;
  T* strip;
  std::int64_t strip_row;

  TileTarget<T> open(std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool) const {
    return {strip, strip_row, alpha, T(0)};
  }
  void close(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns, bool first,
             bool last) const {
    const T factor = first ? beta : T(1);
    T* to = c + column * c_row + row;
    if (factor == T(0)) {
      transpose_block(strip, strip_row, rows, columns, to, c_row, rows);
    } else {
      constexpr std::int64_t wide = kStripRows;
      T turned[wide * kLanes<T>];
      for (std::int64_t j = 0; j < columns; j += kLanes<T>) {
        const std::int64_t lines = smaller(kLanes<T>, columns - j);
        transpose_block(strip + j, strip_row, rows, lines, turned, wide, rows);
        for (std::int64_t i = 0; i < lines; ++i) {
          T* line = to + (j + i) * c_row;
          for_lanes<T>(0, rows, [&](std::int64_t r, auto lanes) {
            lanes.store(line + r,
                        multiply_add(splat(factor), lanes.load(line + r), lanes.load(turned + i * wide + r)));
          });
        }
      }
    }
    if (last) finish_block(epilogue, to, c_row, column, columns, row, rows);
  }
};

}  // namespace assay::openmp::ASSAY_ISA
