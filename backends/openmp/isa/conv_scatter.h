// The gradient of a convolution by its input, scattered: for every image and group the products of the turned
// weights, rows (c, p, q), with dy, columns of windows, of which row (c, p, q) is added to plane c of dx
// where tap (p, q) of each window lies.
#pragma once

#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/gemm_sources.h"

namespace assay::openmp::ASSAY_ISA {

inline std::int64_t taps_of(const Convolution& s) { return s.height.taps * s.width.taps; }

/// to[stride · n] += from[n] for n < count, where stride · n + at is in [0, width): `to` is position `at`.
template <class T>
inline void add_line(const T* from, std::int64_t count, T* line, std::int64_t width, std::int64_t at,
                     std::int64_t stride) {
  const std::int64_t first = at < 0 ? ceil_div(-at, stride) : 0;
  const std::int64_t last = at >= width ? 0 : smaller(count, ceil_div(width - at, stride));
  if (stride == 1 && first < last) {
    from += first;
    line += at + first;
    for_lanes<T>(0, last - first, [&](std::int64_t i, auto lanes) {
      lanes.store(line + i, lanes.load(line + i) + lanes.load(from + i));
    });
    return;
  }
  for (std::int64_t n = first; n < last; ++n) line[at + n * stride] += from[n];
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
    for (std::int64_t r = row; r < row + rows; ++r) {
      const std::int64_t c = r / taps_of(shape), tap = r % taps_of(shape);
      const std::int64_t p = tap / width.taps, q = tap % width.taps;
      T* const plane = dx + c * height.input * width.input;
      const T* from = strip + (r - row) * strip_row;
      const T* const end = from + windows;
      std::int64_t i = window / width.output, j = window % width.output;
      for (; from < end; ++i, j = 0) {
        const std::int64_t count = smaller(width.output - j, end - from);
        const std::int64_t h = i * height.stride + p * height.dilation - height.before;
        if (h >= 0 && h < height.input)
          add_line(from, count, plane + h * width.input, width.input,
                   j * width.stride + q * width.dilation - width.before, width.stride);
        from += count;
      }
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
