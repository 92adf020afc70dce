// Pooling, plane by plane. Windows of a row are taken by vectors, which reads every tap as a contiguous run
// of a staged row, or pairs of columns as they lie; gradients scatter.
#include <limits>

#include "backends/openmp/isa/activations.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/patches.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

/// Integers in the lanes of a vector of T.
template <class T>
using Integers = Mask<Vec<T>>;

/// first, first + step, first + 2·step, ...
template <class T>
ASSAY_INLINE Integers<T> sequence(std::int64_t first, std::int64_t step) {
  using Integer = Element<Integers<T>>;
  Integers<T> lane{};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<Integer>(i);
  return lane * static_cast<Integer>(step) + static_cast<Integer>(first);
}

template <class V>
ASSAY_INLINE V at_least(V v, Element<V> least) {
  return v < least ? V{} + least : v;
}
template <class V>
ASSAY_INLINE V at_most(V v, Element<V> most) {
  return v > most ? V{} + most : v;
}

ASSAY_INLINE void store_indices(std::int32_t* to, Integers<float> v, int count) {
#if defined(ASSAY_ISA_avx512)
  _mm512_mask_storeu_epi32(to, static_cast<__mmask16>((1u << count) - 1), (__m512i)v);
#elif defined(ASSAY_ISA_avx2)
  _mm256_maskstore_epi32(to, first_lanes_32(count), (__m256i)v);
#else
  for (int i = 0; i < count; ++i) to[i] = v[i];
#endif
}
ASSAY_INLINE void store_indices(std::int32_t* to, Integers<double> v, int count) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<std::int32_t>(v[i]);
}

std::int64_t outputs_of(const Pooling& p) { return p.height.output * p.width.output; }
std::int64_t inputs_of(const Pooling& p) { return p.height.input * p.width.input; }

/// The taps of window o that lie in the image; one at least.
Range taps_inside(const Axis& axis, std::int64_t o) {
  const std::int64_t start = o * axis.stride - axis.before;
  return {larger(0, -start), smaller(axis.taps, axis.input - start)};
}

/// Whether windows are pairs of columns that lie side by side: no staging is needed then.
bool takes_pairs(const Axis& width) {
  return width.taps == 2 && width.stride == 2 && width.dilation == 1 && width.before == 0 &&
         2 * width.output <= width.input;
}

/// What a row of taps reads for neighbouring windows; for_each(body) calls body(q, values) for every tap.
template <class T, class Lanes>
struct StagedTaps {
  const T* row;
  TapColumn first;
  std::int64_t taps;
  Lanes lanes;

  template <class Body>
  ASSAY_INLINE void for_each(const Body& body) const {
    TapColumn tap = first;
    for (std::int64_t q = 0; q < taps; ++q, tap.next()) body(q, lanes.load(row + tap.offset()));
  }
};
template <class T, class Lanes>
struct PairedTaps {
  const T* row;  ///< of the image, from the first window on
  Lanes lanes;

  template <class Body>
  ASSAY_INLINE void for_each(const Body& body) const {
    const std::int64_t left = 2 * lanes.count;
    const Vec<T> a = load_up_to(row, left);
    const Vec<T> b = left > kLanes<T> ? load_up_to(row + kLanes<T>, left - kLanes<T>) : Vec<T>{};
    body(std::int64_t{0}, every_other_lane<0>(a, b));
    body(std::int64_t{1}, every_other_lane<1>(a, b));
  }
};

template <class T>
PoolingPlan plan_pooling(const Pooling& shape, int threads) {
  PoolingPlan plan{};
  plan.shape = shape;
  plan.pairs = takes_pairs(shape.width);
  plan.staging = stage_columns<T>(shape.width, false);
  const std::int64_t elements = shape.planes * (inputs_of(shape) + outputs_of(shape));
  plan.threads = elements < kGrain * threads ? 1 : threads;
  plan.scratch_per_thread =
      plan.pairs
          ? 0
          : static_cast<std::size_t>(staged_elements<T>(plan.staging, 1, shape.height.input)) * sizeof(T);
  plan.scratch_bytes = plan.scratch_per_thread * static_cast<std::size_t>(plan.threads);
  return plan;
}

/// body(plane, worker), shared by the threads.
template <class Body>
void for_each_plane(const PoolingPlan& plan, const Body& body) {
  const std::int64_t planes = plan.shape.planes, workers = smaller(plan.threads, planes);
  parallel_for(plan.threads, workers, [&](std::int64_t worker) {
    const Range range = part_of(planes, workers, worker);
    for (std::int64_t plane = range.begin; plane < range.end; ++plane) body(plane, worker);
  });
}

/// body(plane, i, j, lanes, taps_of) for vectors of windows of every output row of every plane, where
/// taps_of(k) is what row k of the taps reads, with `padding` around the image. Of rows that lie in it.
template <class T, class Body>
void for_each_window(const PoolingPlan& plan, const T* x, T padding, void* scratch, const Body& body) {
  const Pooling& p = plan.shape;
  if (plan.pairs) {
    for_each_plane(plan, [&](std::int64_t plane, std::int64_t) {
      for (std::int64_t i = 0; i < p.height.output; ++i) {
        for_lanes<T>(0, p.width.output, [&](std::int64_t j, auto lanes) {
          body(plane, i, j, lanes, [&](std::int64_t k) {
            const std::int64_t h = i * p.height.stride + k - p.height.before;
            return PairedTaps<T, decltype(lanes)>{x + plane * inputs_of(p) + h * p.width.input + 2 * j,
                                                  lanes};
          });
        });
      }
    });
    return;
  }
  for_each_plane(plan, [&](std::int64_t plane, std::int64_t worker) {
    T* own = reinterpret_cast<T*>(static_cast<char*>(scratch) +
                                  static_cast<std::size_t>(worker) * plan.scratch_per_thread);
    fill_padding(plan.staging, padding, own);
    const Patches<T> patches{
        stage_image(plan.staging, p.height, p.width, 1, x + plane * inputs_of(p), padding, own), p.height,
        p.width};
    for (std::int64_t i = 0; i < p.height.output; ++i) {
      for_lanes<T>(0, p.width.output, [&](std::int64_t j, auto lanes) {
        body(plane, i, j, lanes, [&](std::int64_t k) {
          return StagedTaps<T, decltype(lanes)>{patches.row(0, i, k) + j, patches.first, p.width.taps, lanes};
        });
      });
    }
  });
}

// Padding is less than or equal to every number, so that it never replaces what was found before; the first
// element of a window stands for it until then.
template <class T>
void max_pool2d(const PoolingPlan& plan, const T* x, T* y, std::int32_t* index, void* scratch) {
  using Integer = Element<Integers<T>>;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const Pooling& p = plan.shape;
  const auto take_largest = [&](std::int64_t plane, std::int64_t i, std::int64_t j, auto lanes,
                                const auto& taps_of) {
    const std::int64_t top = i * p.height.stride - p.height.before;
    const Integers<T> left = sequence<T>(j * p.width.stride - p.width.before, p.width.stride);
    const Range rows = taps_inside(p.height, i);
    Vec<T> value = splat(lowest);
    Integers<T> at = at_least(left, Integer{0}) + static_cast<Integer>((top + rows.begin) * p.width.input);
    for (std::int64_t k = rows.begin; k < rows.end; ++k) {
      taps_of(k).for_each([&](std::int64_t q, Vec<T> other) {
        // NaN wins over every number, the first NaN over later ones.
        const Integers<T> better = (other > value) | ((other != other) & (value == value));
        value = better ? other : value;
        at = better ? left + static_cast<Integer>((top + k) * p.width.input + q) : at;
      });
    }
    const std::int64_t o = plane * outputs_of(p) + i * p.width.output + j;
    lanes.store(y + o, value);
    store_indices(index + o, at, lanes.count);
  };
  for_each_window(plan, x, lowest, scratch, take_largest);
}

// Planes are independent, and inside one the sums run in the order of the outputs.
template <class T>
void max_pool2d_grad(const PoolingPlan& plan, const T* dy, const std::int32_t* index, const T* gate, T* dx) {
  const Pooling& p = plan.shape;
  for_each_plane(plan, [&](std::int64_t plane, std::int64_t) {
    const T* from = dy + plane * outputs_of(p);
    const std::int32_t* at = index + plane * outputs_of(p);
    T* to = dx + plane * inputs_of(p);
    for (std::int64_t i = 0; i < inputs_of(p); ++i) to[i] = T(0);
    for (std::int64_t o = 0; o < outputs_of(p); ++o) to[at[o]] += from[o];
    if (gate == nullptr) return;
    const T* open = gate + plane * inputs_of(p);
    for_lanes<T>(0, inputs_of(p), [&](std::int64_t i, auto lanes) {
      lanes.store(to + i, Relu<T>(0).grad(lanes.load(to + i), lanes.load(open + i)));
    });
  });
}

template <class T>
void max_pool2d_gather(const PoolingPlan& plan, const T* x, const std::int32_t* index, T* y) {
  const Pooling& p = plan.shape;
  for_each_plane(plan, [&](std::int64_t plane, std::int64_t) {
    const T* from = x + plane * inputs_of(p);
    const std::int32_t* at = index + plane * outputs_of(p);
    T* to = y + plane * outputs_of(p);
    for (std::int64_t o = 0; o < outputs_of(p); ++o) to[o] = from[at[o]];
  });
}

/// What the windows from (i, j) on divide by.
template <class T>
ASSAY_INLINE Vec<T> divisors(const Pooling& p, std::int64_t i, std::int64_t j) {
  using Integer = Element<Integers<T>>;
  if (p.count_padding) return splat(static_cast<T>(p.height.taps * p.width.taps));
  const Range rows = taps_inside(p.height, i);
  const Integers<T> start = sequence<T>(j * p.width.stride - p.width.before, p.width.stride);
  const Integers<T> columns =
      at_most(start + static_cast<Integer>(p.width.taps), static_cast<Integer>(p.width.input)) -
      at_least(start, Integer{0});
  return static_cast<T>(rows.end - rows.begin) * __builtin_convertvector(columns, Vec<T>);
}

template <class T>
void avg_pool2d(const PoolingPlan& plan, const T* x, T* y, void* scratch) {
  const Pooling& p = plan.shape;
  const auto average = [&](std::int64_t plane, std::int64_t i, std::int64_t j, auto lanes,
                           const auto& taps_of) {
    const Range rows = taps_inside(p.height, i);
    Vec<T> sum{};
    for (std::int64_t k = rows.begin; k < rows.end; ++k)
      taps_of(k).for_each([&](std::int64_t, Vec<T> v) { sum += v; });
    lanes.store(y + plane * outputs_of(p) + i * p.width.output + j, sum / divisors<T>(p, i, j));
  };
  for_each_window(plan, x, T(0), scratch, average);
}

/// Windows of an axis whose tap k lies in the image.
Range windows_inside(const Axis& axis, std::int64_t k) {
  const std::int64_t start = k - axis.before;
  const std::int64_t first = start >= 0 ? 0 : ceil_div(-start, axis.stride);
  const std::int64_t last = start >= axis.input ? 0 : ceil_div(axis.input - start, axis.stride);
  return {first, larger(first, smaller(axis.output, last))};
}

template <class T>
void avg_pool2d_grad(const PoolingPlan& plan, const T* dy, T* dx) {
  const Pooling& p = plan.shape;
  const std::int64_t stride = p.width.stride;
  for_each_plane(plan, [&](std::int64_t plane, std::int64_t) {
    const T* from = dy + plane * outputs_of(p);
    T* image = dx + plane * inputs_of(p);
    for (std::int64_t i = 0; i < inputs_of(p); ++i) image[i] = T(0);
    for (std::int64_t i = 0; i < p.height.output; ++i) {
      const Range rows = taps_inside(p.height, i);
      for_lanes<T>(0, p.width.output, [&](std::int64_t j, auto lanes) {
        const Vec<T> share = lanes.load(from + i * p.width.output + j) / divisors<T>(p, i, j);
        for (std::int64_t k = rows.begin; k < rows.end; ++k) {
          T* row = image + (i * p.height.stride - p.height.before + k) * p.width.input;
          for (std::int64_t q = 0; q < p.width.taps; ++q) {
            const Range windows = windows_inside(p.width, q);
            const std::int64_t begin = larger(windows.begin, j), end = smaller(windows.end, j + lanes.count);
            for (std::int64_t w = begin; w < end; ++w) row[w * stride + q - p.width.before] += share[w - j];
          }
        }
      });
    }
  });
}

}  // namespace

template <class T>
void add_pools(Kernels<T>& kernels) {
  kernels.plan_pooling = plan_pooling<T>;
  kernels.max_pool2d = max_pool2d<T>;
  kernels.max_pool2d_grad = max_pool2d_grad<T>;
  kernels.max_pool2d_gather = max_pool2d_gather<T>;
  kernels.avg_pool2d = avg_pool2d<T>;
  kernels.avg_pool2d_grad = avg_pool2d_grad<T>;
}

template void add_pools<float>(Kernels<float>&);
template void add_pools<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
