// The gradient of a convolution by its input, scattered: for every image and group the products of the turned
// weights, rows (c, p, q), with dy, columns of windows, of which row (c, p, q) is added to plane c of dx
// where tap (p, q) of each window lies.
#pragma once

#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/gemm_sources.h"

namespace assay::openmp::ASSAY_ISA {

inline std::int64_t taps_of(const Convolution& s) { return s.height.taps * s.width.taps; }

// Taps of a row that are added to dx together: it is read and written once for all of them.
inline constexpr std::int64_t kTapsTogether = 8;

/// Rows of windows that neighbouring taps of one row of the kernel read, and where their products go.
template <class T>
struct TapRows {
  const T* from;  ///< product of tap t and window j of line i at from[t * from_tap + i * count + j]
  std::int64_t from_tap;
  std::int64_t taps, count, lines;
  T* to;  ///< line i of dx at to + i * to_line
  std::int64_t to_line, width;
  std::int64_t at;            ///< where in a line window 0 of the first tap lies; may be outside
  std::int64_t step, stride;  ///< from tap to tap, and from window to window
};

/// dx += the products, a vector of dx at a time. REQUIRES: stride is 1, and taps ≤ kTapsTogether.
template <class T>
inline void add_by_vectors(const TapRows<T>& r) {
  const std::int64_t begin = larger(0, r.at);
  const std::int64_t end = smaller(r.width, r.at + (r.taps - 1) * r.step + r.count);
  for (std::int64_t x = begin; x < end; x += kLanes<T>) {
    const std::int64_t valid = smaller(kLanes<T>, end - x);
    const T* from[kTapsTogether];
    LaneRange<T> lanes[kTapsTogether];
    for (std::int64_t t = 0; t < r.taps; ++t) {
      const std::int64_t window = x - (r.at + t * r.step);  // in the first lane
      const std::int64_t last = larger(0, smaller(valid, r.count - window));
      from[t] = r.from + t * r.from_tap + window;
      lanes[t] = lane_range<T>(static_cast<int>(smaller(last, larger(0, -window))), static_cast<int>(last));
    }
    for (std::int64_t i = 0; i < r.lines; ++i) {
      T* const to = r.to + i * r.to_line + x;
      Vec<T> sum = load_up_to(to, valid);
      for (std::int64_t t = 0; t < r.taps; ++t)
        sum = sum + load_lanes(from[t] + i * r.count, lanes[t], Vec<T>{});
      store_up_to(to, sum, valid);
    }
  }
}

template <class T>
inline void add_one_by_one(const TapRows<T>& r) {
  for (std::int64_t t = 0; t < r.taps; ++t) {
    const std::int64_t at = r.at + t * r.step;
    const std::int64_t first = at < 0 ? ceil_div(-at, r.stride) : 0;
    const std::int64_t last = at >= r.width ? 0 : smaller(r.count, ceil_div(r.width - at, r.stride));
    for (std::int64_t i = 0; i < r.lines; ++i) {
      const T* const from = r.from + t * r.from_tap + i * r.count;
      for (std::int64_t n = first; n < last; ++n) r.to[i * r.to_line + at + n * r.stride] += from[n];
    }
  }
}

/// Where the products go. Sums are collected in `strip`, kStripRows rows of strip_row elements.
template <class T>
struct ScatterSink {
  const Convolution& shape;
  T* dx;  ///< of this image and group
  T* strip;
  std::int64_t strip_row;

  TileTarget<T> open(std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool) const {
    return {strip, strip_row, T(1), T(0)};
  }
  void close(std::int64_t row, std::int64_t rows, std::int64_t window, std::int64_t windows, bool,
             bool) const {
    const Axis &height = shape.height, &width = shape.width;
    for (std::int64_t r = row; r < row + rows;) {
      const std::int64_t c = r / taps_of(shape), tap = r % taps_of(shape);
      const std::int64_t p = tap / width.taps, q = tap % width.taps;
      const std::int64_t taps = smaller(smaller(width.taps - q, row + rows - r), kTapsTogether);
      T* const plane = dx + c * height.input * width.input;
      const T* from = strip + (r - row) * strip_row;
      // Whole lines of windows together; a block may begin and end inside of one.
      for (std::int64_t w = window; w < window + windows;) {
        const std::int64_t i = w / width.output, j = w % width.output, left = window + windows - w;
        const bool whole = j == 0 && left >= width.output;
        const std::int64_t lines = whole ? left / width.output : 1;
        const std::int64_t count = whole ? width.output : smaller(width.output - j, left);
        const std::int64_t h = i * height.stride + p * height.dilation - height.before;
        // Those that lie in dx.
        const std::int64_t first = h < 0 ? ceil_div(-h, height.stride) : 0;
        const std::int64_t last =
            h >= height.input ? 0 : smaller(lines, ceil_div(height.input - h, height.stride));
        if (first < last) {
          const TapRows<T> together{from + first * count,
                                    strip_row,
                                    taps,
                                    count,
                                    last - first,
                                    plane + (h + first * height.stride) * width.input,
                                    height.stride * width.input,
                                    width.input,
                                    j * width.stride + q * width.dilation - width.before,
                                    width.dilation,
                                    width.stride};
          width.stride == 1 ? add_by_vectors(together) : add_one_by_one(together);
        }
        from += lines * count;
        w += lines * count;
      }
      r += taps;
    }
  }
};

template <class T>
Blocking scatter_blocking(const Convolution& s) {
  return blocking_of<T>(s.height.output * s.width.output, s.filters);
}

template <class T>
ConvolutionPlan plan_scatter(ConvolutionPlan plan) {
  const Convolution& s = plan.shape;
  const Blocking blocking = scatter_blocking<T>(s);
  plan.weight_bytes = cache_lines<T>(s.groups * s.channels * taps_of(s) * packed_row_stride<T>(s.filters));
  book_scratch<T>(plan, block_scratch<T>(blocking) + kStripRows * blocking.columns);
  return plan;
}

template <class T>
void scatter(const ConvolutionPlan& plan, const T* dy, const T* weight, T* dx, void* scratch) {
  const Convolution& s = plan.shape;
  const std::int64_t taps = taps_of(s), rows = s.channels * taps, stride = packed_row_stride<T>(s.filters);
  T* const turned = static_cast<T*>(scratch);
  parallel_ranges(plan.threads, s.groups * rows, 1, kGrain / stride, [&](Range range) {
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const T* from = weight + row / rows * s.filters * rows + row % rows;
      for (std::int64_t o = 0; o < s.filters; ++o) turned[row * stride + o] = from[o * rows];
    }
  });
  const Blocking blocking = scatter_blocking<T>(s);
  const std::int64_t pixels = s.height.input * s.width.input, windows = s.height.output * s.width.output;
  for_each_image(plan, [&](std::int64_t worker, std::int64_t image, Range parts) {
    const Range channels = indices_of(s.channels, plan.parts, parts);
    T* blocks = scratch_of<T>(plan, scratch, worker);
    const ScatterSink<T> sink{s, dx + image * s.channels * pixels, blocks + block_scratch<T>(blocking),
                              blocking.columns};
    for (std::int64_t i = channels.begin * pixels; i < channels.end * pixels; ++i) sink.dx[i] = T(0);
    const MatrixRows<T> row_source{turned + image % s.groups * rows * stride, stride, 1, false};
    const MatrixColumns<T> column_source{dy + image * s.filters * windows, windows, 1, true};
    multiply_blocks<T>({{channels.begin * taps, channels.end * taps}, {0, windows}}, s.filters, blocking,
                       row_source, column_source, sink, blocks);
  });
}

}  // namespace assay::openmp::ASSAY_ISA
