// The gradient of a convolution by its weights: for every group, patches of x times the transpose of dy, or
// the transpose of that, summed over images in the fixed tree of WeightGradPlan. The sums of a chunk are kept
// as they come, [taps × filters] or [filters × taps].
#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/gemm_sources.h"
#include "backends/openmp/isa/patches.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Chunks of images: enough for many threads to share, and no more than fit a cache.
constexpr std::int64_t kMostChunks = 16;
constexpr std::int64_t kChunkBytes = 4 * 1024 * 1024;
// Rows of a chunk's sums that are joined and transposed at a time.
constexpr std::int64_t kJoinedRows = 64;

/// Weights of one filter.
std::int64_t taps_of(const Convolution& s) { return s.channels * s.height.taps * s.width.taps; }
std::int64_t pixels_of(const Convolution& s) { return s.height.output * s.width.output; }
/// Sums of one chunk.
std::int64_t sums_of(const Convolution& s) { return s.groups * taps_of(s) * s.filters; }

// Whether vectors along the taps pay: fewer of their lanes are empty than of those along the filters, by more
// than turning the patches costs, of each element as much as so many multiply-adds.
template <class T>
bool are_turned(const Convolution& s) {
  constexpr std::int64_t turning = 6;
  const std::int64_t taps = taps_of(s);
  return s.filters * round_up(taps, kLanes<T>) + turning * taps < taps * round_up(s.filters, kLanes<T>);
}

template <class T>
WeightGradPlan plan_conv2d_grad_weight(const Convolution& shape, int threads) {
  constexpr std::int64_t size = sizeof(T);
  WeightGradPlan plan{};
  plan.shape = shape;
  plan.direct = shape.filters < kDirectResults;
  plan.turned = !plan.direct && are_turned<T>(shape);
  plan.threads = worthwhile_threads(shape, threads);
  const std::int64_t affordable = kChunkBytes / larger(1, sums_of(shape) * size);
  plan.chunks = larger(1, smaller(shape.images, smaller(kMostChunks, affordable)));
  plan.partial_bytes = cache_lines<T>(plan.chunks * sums_of(shape));
  plan.staging = stage_columns<T>(shape.width, false);
  const std::int64_t columns = plan.turned ? taps_of(shape) : shape.filters;
  const std::int64_t sums = plan.direct ? shape.filters * taps_of(shape) * kLanes<T>
                                        : block_scratch<T>(blocking_of<T>(columns, pixels_of(shape)));
  plan.scratch_per_thread =
      cache_lines<T>(sums + staged_elements<T>(plan.staging, shape.channels, shape.height.input));
  plan.scratch_bytes = plan.partial_bytes + plan.scratch_per_thread * static_cast<std::size_t>(plan.threads);
  return plan;
}

template <class V>
ASSAY_INLINE Element<V> sum_of_lanes(V v) {
  for (int half = kLanes<Element<V>> / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  }
  return v[0];
}

/// sums[n] += dy · row at the columns of `count` neighbouring taps; `tap` moves behind them.
template <class T, int count>
ASSAY_INLINE void add_products(const T* dy, const T* row, std::int64_t columns, TapColumn& tap,
                               Vec<T>* sums) {
  Vec<T> sum[count];
  const T* from[count];
  for (int n = 0; n < count; ++n, tap.next()) {
    sum[n] = sums[n];
    from[n] = row + tap.offset();
  }
  for_lanes<T>(0, columns, [&](std::int64_t j, auto lanes) {
    const Vec<T> factor = lanes.load(dy + j);
    for (int n = 0; n < count; ++n) sum[n] = multiply_add(factor, lanes.load(from[n] + j), sum[n]);
  });
  for (int n = 0; n < count; ++n) sums[n] = sum[n];
}

/// Adds one image's products for one filter: a vector of sums per tap.
template <class T>
void add_image(const Convolution& s, const Patches<T>& patches, const T* dy, Vec<T>* sums) {
  for (std::int64_t c = 0; c < s.channels; ++c) {
    for (std::int64_t p = 0; p < s.height.taps; ++p, sums += s.width.taps) {
      for (std::int64_t i = 0; i < s.height.output; ++i) {
        const T* row = patches.row(c, i, p);
        if (row == patches.image.padding) continue;
        const T* line = dy + i * s.width.output;
        TapColumn tap = patches.first;
        std::int64_t q = 0;
        for (; q + 3 <= s.width.taps; q += 3) add_products<T, 3>(line, row, s.width.output, tap, sums + q);
        for (; q < s.width.taps; ++q) add_products<T, 1>(line, row, s.width.output, tap, sums + q);
      }
    }
  }
}

/// A group's sums over a chunk of images, filter by filter in vectors along the rows of dy.
template <class T>
void sum_directly(const WeightGradPlan& plan, Range images, std::int64_t group, const T* dy, const T* x,
                  T* result, T* scratch) {
  const Convolution& s = plan.shape;
  const std::int64_t taps = taps_of(s);
  auto* sums = reinterpret_cast<Vec<T>*>(scratch);
  T* staged = scratch + s.filters * taps * kLanes<T>;
  fill_padding(plan.staging, T(0), staged);
  for (std::int64_t i = 0; i < s.filters * taps; ++i) sums[i] = Vec<T>{};
  for (std::int64_t n = images.begin; n < images.end; ++n) {
    const std::int64_t image = n * s.groups + group;
    const Patches<T> patches{
        stage_image(plan.staging, s.height, s.width, s.channels,
                    x + image * s.channels * s.height.input * s.width.input, T(0), staged),
        s.height, s.width};
    for (std::int64_t o = 0; o < s.filters; ++o)
      add_image(s, patches, dy + (image * s.filters + o) * pixels_of(s), sums + o * taps);
  }
  for (std::int64_t k = 0; k < taps; ++k) {
    for (std::int64_t o = 0; o < s.filters; ++o) result[k * s.filters + o] = sum_of_lanes(sums[o * taps + k]);
  }
}

/// A group's sums over a chunk of images for a range of taps, by products.
template <class T>
void sum_by_products(const WeightGradPlan& plan, Range images, std::int64_t group, Range taps, const T* dy,
                     const T* x, T* result, T* scratch) {
  const Convolution& s = plan.shape;
  const std::int64_t pixels = pixels_of(s);
  const Blocking blocking = blocking_of<T>(plan.turned ? taps_of(s) : s.filters, pixels);
  T* staged = scratch + block_scratch<T>(blocking);
  fill_padding(plan.staging, T(0), staged);
  for (std::int64_t n = images.begin; n < images.end; ++n) {
    const std::int64_t image = n * s.groups + group;
    const PatchRows<T> patches{
        {stage_image(plan.staging, s.height, s.width, s.channels,
                     x + image * s.channels * s.height.input * s.width.input, T(0), staged),
         s.height, s.width}};
    const T* const cotangents = dy + image * s.filters * pixels;
    const T before = n == images.begin ? T(0) : T(1);
    if (plan.turned) {
      const MatrixRows<T> rows{cotangents, pixels, 1, strides_collide<T>(pixels)};
      const MatrixSink<T> sink{result, taps_of(s), T(1), before, {}};
      multiply_blocks<T>({{0, s.filters}, taps}, pixels, blocking, rows, TurnedPatches<T>{patches}, sink,
                         scratch);
    } else {
      const MatrixColumns<T> columns{cotangents, 1, pixels, false};
      const MatrixSink<T> sink{result, s.filters, T(1), before, {}};
      multiply_blocks<T>({taps, {0, s.filters}}, pixels, blocking, patches, columns, sink, scratch);
    }
  }
}

/// dW = the sums of all chunks.
template <class T>
void join_turned_chunks(const WeightGradPlan& plan, const T* partials, T* dweight) {
  const std::int64_t count = sums_of(plan.shape);
  parallel_lanes<T>(plan.threads, count, kGrain / plan.chunks, [&](std::int64_t i, auto lanes) {
    Vec<T> sum = lanes.load(partials + i);
    for (std::int64_t chunk = 1; chunk < plan.chunks; ++chunk)
      sum = sum + lanes.load(partials + chunk * count + i);
    lanes.store(dweight + i, sum);
  });
}

/// dW = the sums of all chunks, transposed to [filters × taps].
template <class T>
void join_chunks(const WeightGradPlan& plan, T* partials, T* dweight) {
  const Convolution& s = plan.shape;
  const std::int64_t taps = taps_of(s), blocks = ceil_div(taps, kJoinedRows);
  const std::int64_t grain = kGrain / larger(1, kJoinedRows * s.filters * plan.chunks);
  parallel_ranges(plan.threads, s.groups * blocks, 1, grain, [&](Range range) {
    for (std::int64_t block = range.begin; block < range.end; ++block) {
      const std::int64_t group = block / blocks, first = block % blocks * kJoinedRows;
      const std::int64_t rows = smaller(kJoinedRows, taps - first);
      T* sums = partials + (group * taps + first) * s.filters;
      for_lanes<T>(0, rows * s.filters, [&](std::int64_t i, auto lanes) {
        Vec<T> sum = lanes.load(sums + i);
        for (std::int64_t chunk = 1; chunk < plan.chunks; ++chunk)
          sum = sum + lanes.load(sums + chunk * sums_of(s) + i);
        lanes.store(sums + i, sum);
      });
      transpose_block(sums, s.filters, rows, s.filters, dweight + group * s.filters * taps + first, taps,
                      rows);
    }
  });
}

template <class T>
void conv2d_grad_weight(const WeightGradPlan& plan, const T* dy, const T* x, T* dweight, void* scratch) {
  const Convolution& s = plan.shape;
  T* const partials = static_cast<T*>(scratch);
  if (s.images == 0) {
    for (std::int64_t i = 0; i < sums_of(s); ++i) dweight[i] = T(0);
    return;
  }
  // Units are tiles along the taps of each chunk and group; every one is summed over the chunk by one thread.
  const std::int64_t tile = plan.turned ? kLanes<T> : kTileRows;
  const std::int64_t tiles = plan.direct ? 1 : ceil_div(taps_of(s), tile);
  const std::int64_t units = plan.chunks * s.groups * tiles;
  const std::int64_t workers = smaller(plan.threads, units);
  parallel_for(plan.threads, workers, [&](std::int64_t worker) {
    T* own = reinterpret_cast<T*>(static_cast<char*>(scratch) + plan.partial_bytes +
                                  static_cast<std::size_t>(worker) * plan.scratch_per_thread);
    const Range range = part_of(units, workers, worker);
    for (std::int64_t unit = range.begin; unit < range.end;) {
      const std::int64_t sums = unit / tiles, first = sums * tiles;
      const std::int64_t end = smaller(range.end, first + tiles);
      const std::int64_t group = sums % s.groups;
      const Range images = part_of(s.images, plan.chunks, sums / s.groups);
      T* result = partials + sums * taps_of(s) * s.filters;
      if (plan.direct) {
        sum_directly(plan, images, group, dy, x, result, own);
      } else {
        const Range taps{(unit - first) * tile, smaller(taps_of(s), (end - first) * tile)};
        sum_by_products(plan, images, group, taps, dy, x, result, own);
      }
      unit = end;
    }
  });
  plan.turned ? join_turned_chunks(plan, partials, dweight) : join_chunks(plan, partials, dweight);
}

}  // namespace

template <class T>
void add_conv_grad_weight(Kernels<T>& kernels) {
  kernels.plan_conv2d_grad_weight = plan_conv2d_grad_weight<T>;
  kernels.conv2d_grad_weight = conv2d_grad_weight<T>;
}

template void add_conv_grad_weight<float>(Kernels<float>&);
template void add_conv_grad_weight<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
