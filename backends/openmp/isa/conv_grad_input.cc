// The gradient of a convolution by its input: turned weights times the patches of dy, phase by phase of the
// stride (conv_phases.h), or scattered (conv_scatter.h).
#include "backends/openmp/isa/conv_direct.h"
#include "backends/openmp/isa/conv_phases.h"
#include "backends/openmp/isa/conv_scatter.h"
#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/gemm_sources.h"
#include "backends/openmp/scatter.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Calls body(vertical phase, horizontal phase) for every pair.
template <class Body>
void for_each_phase(const Convolution& s, const Body& body) {
  for (std::int64_t h = 0; h < phase_count(s.height); ++h) {
    const Phase vertical = phase_at(s.height, h);
    for (std::int64_t w = 0; w < phase_count(s.width); ++w) body(vertical, phase_at(s.width, w));
  }
}

/// What a result of the phase is summed over.
std::int64_t depth_of(const Convolution& s, const Phase& vertical, const Phase& horizontal) {
  return s.filters * vertical.axis.taps * horizontal.axis.taps;
}

/// Elements of a phase's turned weights, rows [groups · channels].
template <class T>
std::int64_t turned_elements(const Convolution& s, const Phase& vertical, const Phase& horizontal) {
  return s.groups * s.channels * packed_row_stride<T>(depth_of(s, vertical, horizontal));
}

// Row (g, c) of a phase: its weights in the order in which the phase's patches hold dy, (o, p, q).
template <class T>
void turn_weights(const Convolution& s, const Phase& vertical, const Phase& horizontal, const T* weight,
                  std::int64_t row, T* to) {
  const std::int64_t group = row / s.channels, c = row % s.channels;
  const std::int64_t kernel = s.height.taps * s.width.taps;
  for (std::int64_t o = 0; o < s.filters; ++o) {
    const T* from = weight + ((group * s.filters + o) * s.channels + c) * kernel;
    for (std::int64_t p = 0; p < vertical.axis.taps; ++p) {
      const T* line = from + (vertical.tap + p * vertical.step) * s.width.taps + horizontal.tap;
      for (std::int64_t q = 0; q < horizontal.axis.taps; ++q) *to++ = line[q * horizontal.step];
    }
  }
}

/// The staging of dy that serves every phase: as far as the widest of them reaches.
template <class T>
Staging stage_for_phases(const Axis& width, bool copied) {
  std::int64_t left = 0, columns = 0;
  for (std::int64_t w = 0; w < phase_count(width); ++w) {
    const Axis axis = phase_at(width, w).axis;
    if (axis.taps == 0) continue;
    left = larger(left, axis.before);
    copied = copied || reaches_padding(axis);
  }
  for (std::int64_t w = 0; w < phase_count(width); ++w) {
    const Axis axis = phase_at(width, w).axis;
    if (axis.taps > 0) columns = larger(columns, reached_columns(axis, left));
  }
  Axis dy{};
  dy.input = width.output;
  dy.stride = 1;
  return stage_columns<T>(dy, left, columns, copied);
}

template <class T>
ConvolutionPlan plan_conv2d_grad_input(const Convolution& shape, int threads) {
  ConvolutionPlan plan = share_out(shape, threads, shape.channels);
  if (!plan.direct && is_scattered(shape)) return plan_scatter<T>(plan);
  plan.staging = stage_for_phases<T>(shape.width, plan.direct);
  std::int64_t weights = 0, blocks = 0;
  for_each_phase(shape, [&](const Phase& vertical, const Phase& horizontal) {
    const Blocking blocking = panel_blocking<T>(vertical.axis.output * horizontal.axis.output,
                                                depth_of(shape, vertical, horizontal));
    weights += turned_elements<T>(shape, vertical, horizontal);
    blocks = larger(blocks, block_scratch<T>(blocking) + kStripRows * blocking.columns);
  });
  plan.weight_bytes = cache_lines<T>(weights);
  book_scratch<T>(plan, staged_elements<T>(plan.staging, shape.filters, shape.height.output) +
                            (plan.direct ? 0 : blocks));
  return plan;
}

/// Results of one phase, [channels × pixels of the phase], at their places in dx. Sums are collected in
/// `strip`, kStripRows rows of strip_row elements.
template <class T>
struct PhaseSink {
  T* dx;
  std::int64_t height, width;  ///< of a plane of dx
  Phase vertical, horizontal;
  std::int64_t stride_height, stride_width;
  T* strip;
  std::int64_t strip_row;

  /// dx at row i of the phase.
  T* line(std::int64_t channel, std::int64_t i) const {
    return dx + (channel * height + vertical.position + i * stride_height) * width + horizontal.position;
  }
  TileTarget<T> open(std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool) const {
    return {strip, strip_row, T(1), T(0)};
  }
  void close(std::int64_t channel, std::int64_t channels, std::int64_t pixel, std::int64_t pixels, bool first,
             bool) const {
    const std::int64_t columns = horizontal.axis.output;
    for (std::int64_t c = 0; c < channels; ++c) {
      const T* from = strip + c * strip_row;
      std::int64_t i = pixel / columns, j = pixel - i * columns;
      for (const T* const end = from + pixels; from < end; ++i, j = 0) {
        T* to = line(channel + c, i);
        for (; j < columns && from < end; ++j, ++from) {
          T& element = to[j * stride_width];
          element = first ? *from : element + *from;
        }
      }
    }
  }
};

// dx = Σ turned weights · patches of dy, phase by phase.
template <class T>
void conv2d_grad_input(const ConvolutionPlan& plan, const T* dy, const T* weight, T* dx, void* scratch) {
  const Convolution& s = plan.shape;
  if (!plan.direct && is_scattered(s)) return scatter(plan, dy, weight, dx, scratch);
  T* const turned = static_cast<T*>(scratch);
  T* all = turned;
  for_each_phase(s, [&](const Phase& vertical, const Phase& horizontal) {
    const std::int64_t stride = packed_row_stride<T>(depth_of(s, vertical, horizontal));
    parallel_ranges(plan.threads, s.groups * s.channels, 1, kGrain / stride, [&](Range rows) {
      for (std::int64_t row = rows.begin; row < rows.end; ++row)
        turn_weights(s, vertical, horizontal, weight, row, all + row * stride);
    });
    all += turned_elements<T>(s, vertical, horizontal);
  });

  const std::int64_t pixels = s.height.input * s.width.input;
  const std::int64_t image_elements = s.filters * s.height.output * s.width.output;
  Axis height_of_dy{};
  height_of_dy.input = s.height.output;
  height_of_dy.stride = 1;
  Axis width_of_dy{};
  width_of_dy.input = s.width.output;
  for_each_image(plan, [&](std::int64_t worker, std::int64_t image, Range parts) {
    T* own = scratch_of<T>(plan, scratch, worker);
    fill_padding(plan.staging, T(0), own);
    const StagedImage<T> staged = stage_image(plan.staging, height_of_dy, width_of_dy, s.filters,
                                              dy + image * image_elements, T(0), own);
    T* blocks = own + staged_elements<T>(plan.staging, s.filters, s.height.output);
    const T* weights = turned;
    for_each_phase(s, [&](const Phase& vertical, const Phase& horizontal) {
      const Patches<T> patches{staged, vertical.axis, horizontal.axis};
      const std::int64_t depth = depth_of(s, vertical, horizontal), stride = packed_row_stride<T>(depth);
      const T* rows = weights + image % s.groups * s.channels * stride;
      weights += turned_elements<T>(s, vertical, horizontal);
      PhaseSink<T> sink{dx + image * s.channels * pixels,
                        s.height.input,
                        s.width.input,
                        vertical,
                        horizontal,
                        s.height.stride,
                        s.width.stride,
                        nullptr,
                        0};
      if (plan.direct) {
        const Range lines = indices_of(vertical.axis.output, plan.parts, parts);
        for (std::int64_t c = 0; c < s.channels; ++c) {
          for (std::int64_t i = lines.begin; i < lines.end; ++i) {
            T* to = sink.line(c, i);
            sum_row(patches, s.filters, rows + c * stride, i,
                    [&](std::int64_t j, const Vec<T>* sums, std::int64_t count) {
                      if (s.width.stride == 1) {
                        store_block(to + j, sums, count);
                      } else {
                        for (std::int64_t n = 0; n < count; ++n)
                          to[(j + n) * s.width.stride] = sums[n / kLanes<T>][n % kLanes<T>];
                      }
                    });
          }
        }
        return;
      }
      const std::int64_t columns = vertical.axis.output * horizontal.axis.output;
      const Range vectors = indices_of(ceil_div(columns, kLanes<T>), plan.parts, parts);
      const Share share{{0, s.channels},
                        {vectors.begin * kLanes<T>, smaller(columns, vectors.end * kLanes<T>)}};
      const Blocking blocking = panel_blocking<T>(columns, depth);
      const MatrixRows<T> row_source{rows, stride, 1, false};
      if (s.height.stride == 1 && s.width.stride == 1) {
        const MatrixSink<T> whole{sink.dx, pixels, T(1), T(0), {}};
        multiply_blocks<T>(share, depth, blocking, row_source, PatchColumns<T>{patches}, whole, blocks);
      } else {
        sink.strip = blocks + block_scratch<T>(blocking);
        sink.strip_row = blocking.columns;
        multiply_blocks<T>(share, depth, blocking, row_source, PatchColumns<T>{patches}, sink, blocks);
      }
    });
  });
}

}  // namespace

template <class T>
void add_conv_grad_input(Kernels<T>& kernels) {
  kernels.plan_conv2d_grad_input = plan_conv2d_grad_input<T>;
  kernels.conv2d_grad_input = conv2d_grad_input<T>;
}

template void add_conv_grad_input<float>(Kernels<float>&);
template void add_conv_grad_input<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
