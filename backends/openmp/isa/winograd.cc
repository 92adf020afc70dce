// Convolution by minimal filtering:
//
//   U[ξ] = (G w Gᵀ)[ξ]      [channels × filters], once per call, packed in panels of filters
//   V[ξ] = (Bᵀ x B)[ξ]      [tiles × channels], of some rows of tiles at a time
//   M[ξ] = V[ξ] U[ξ]        [tiles × filters of a panel], for each of the 36 ξ
//   y    = Aᵀ M A           of each tile and filter
//
// The derivative by the input is the same convolution of dy with turned weights.
#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/epilogue.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/filtering.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Widest panel of filters.
template <class T>
constexpr std::int64_t kPanel = kTileVectors* kLanes<T>;

// Sizes that follow from the plan's.
template <class T>
struct FilteringExtents {
  std::int64_t tile_rows, tile_columns;  ///< of one image
  std::int64_t vectors, panels;          ///< of filters
  std::int64_t weights;                  ///< from U[ξ] to the next
  std::int64_t channels;                 ///< whole vectors of them: from a tile of V[ξ] to the next
  std::int64_t tiles;                    ///< at most, of one block
  std::int64_t data, results;            ///< from V[ξ] and M[ξ] to the next

  FilteringExtents(const Convolution& s, std::int64_t rows)
      : tile_rows(ceil_div(s.height.output, kOutputs)),
        tile_columns(ceil_div(s.width.output, kOutputs)),
        vectors(ceil_div(s.filters, kLanes<T>)),
        panels(ceil_div(vectors, kTileVectors)),
        weights(spaced<T>(vectors * kLanes<T> * s.channels)),
        channels(round_up(s.channels, kLanes<T>)),
        tiles(rows * tile_columns),
        data(spaced<T>(tiles * channels)),
        results(spaced<T>(tiles * kPanel<T>)) {}

  Range panel(std::int64_t index) const {
    const Range r = part_of(vectors, panels, index);
    return {r.begin * kLanes<T>, r.end * kLanes<T>};
  }
};

/// Elements of the results of a row of tiles, and of weights that wait for their transform.
template <class T>
std::int64_t result_elements(const Convolution& s) {
  return kOutputs * s.width.output * kLanes<T>;
}
template <class T>
std::int64_t filter_elements(const Convolution& s) {
  return kTaps * kTaps * s.channels * kLanes<T>;
}

// Vector operations of the tiles: the products, and roughly those of the transforms of each vector of
// channels and of filters; against the products of the direct way.
template <class T>
bool winograd_pays(const Convolution& s) {
  constexpr double data = 260, result = 200;
  const FilteringExtents<T> e(s, 1);
  const auto lanes = static_cast<double>(kLanes<T>), channels = static_cast<double>(s.channels),
             vectors = static_cast<double>(e.vectors);
  const double tile =
      kProducts * channels * vectors + data * static_cast<double>(e.channels) / lanes + result * vectors;
  const double pixel = kTaps * kTaps * channels * static_cast<double>(s.filters) / lanes;
  return tile * static_cast<double>(e.tile_rows * e.tile_columns) <
         pixel * static_cast<double>(s.height.output * s.width.output);
}

template <class T>
WinogradPlan plan_winograd(const Convolution& shape, bool turned, int threads) {
  WinogradPlan plan{};
  plan.shape = shape;
  plan.turned = turned;
  plan.threads = worthwhile_threads(shape, threads);
  const FilteringExtents<T> one(shape, 1);
  const std::int64_t size = sizeof(T);
  const std::int64_t tile_bytes = kProducts * (one.channels + kPanel<T>)*size;
  plan.rows = smaller(larger(1, kTileBytes / tile_bytes / one.tile_columns),
                      larger(1, ceil_div(shape.images * one.tile_rows, plan.threads)));
  const FilteringExtents<T> block(shape, plan.rows);
  const std::int64_t tiles = kProducts * (block.data + block.results) +
                             strip_elements<T>(kAlpha, shape.width.input) + result_elements<T>(shape);
  plan.weight_bytes = cache_lines<T>(kProducts * block.weights);
  plan.scratch_per_thread = cache_lines<T>(larger(tiles, filter_elements<T>(shape)));
  plan.scratch_bytes = plan.weight_bytes + plan.scratch_per_thread * static_cast<std::size_t>(plan.threads);
  return plan;
}

// U of one vector of filters. `own` holds them as [channel][tap][filter].
template <class T>
void transform_filters(const WinogradPlan& plan, const FilteringExtents<T>& extents, const T* weight,
                       std::int64_t vector, T* own, T* u) {
  constexpr std::int64_t taps = kTaps * kTaps;
  const Convolution& s = plan.shape;
  const std::int64_t first = vector * kLanes<T>, filters = smaller(kLanes<T>, s.filters - first);
  if (plan.turned) {  // weight [channels, filters, 3, 3]
    for (std::int64_t c = 0; c < s.channels; ++c)
      transpose_block(weight + (c * s.filters + first) * taps, taps, filters, taps,
                      own + c * taps * kLanes<T>, kLanes<T>, kLanes<T>);
  } else {  // weight [filters, channels, 3, 3]
    transpose_block(weight + first * s.channels * taps, s.channels * taps, filters, s.channels * taps, own,
                    kLanes<T>, kLanes<T>);
  }
  std::int64_t index = 0;
  while (extents.panel(index).end <= first) ++index;
  const Range panel = extents.panel(index);
  const std::int64_t width = panel.end - panel.begin;
  T* const to = u + panel.begin * s.channels + (first - panel.begin);
  for (std::int64_t c = 0; c < s.channels; ++c) {
    Vec<T> w[taps];
    for (std::int64_t t = 0; t < taps; ++t)
      w[plan.turned ? taps - 1 - t : t] = load(own + (c * taps + t) * kLanes<T>);
    both_ways<T, kTaps, kAlpha>(w, OfFilter<T>{}, [&](int i, int j, Vec<T> x) {
      store(to + (i * kAlpha + j) * extents.weights + c * width, x);
    });
  }
}

// V of a row of tiles, from `first` of the block on.
template <class T>
void transform_row(const Convolution& s, const FilteringExtents<T>& extents, const T* x, std::int64_t row,
                   std::int64_t first, T* strip, T* v) {
  const std::int64_t image = row / extents.tile_rows, top = row % extents.tile_rows * kOutputs;
  for (std::int64_t c = 0; c < s.channels; c += kLanes<T>) {
    const TileRow<T> tiles{x + (image * s.channels + c) * s.height.input * s.width.input,
                           smaller(kLanes<T>, s.channels - c),
                           s.height.input,
                           s.width.input,
                           top - s.height.before,
                           -s.width.before,
                           extents.tile_columns};
    transform_tiles<T, kAlpha>(tiles, OfData<T>{}, strip, v + first * extents.channels + c, extents.channels,
                               extents.data);
  }
}

// The results of a row of tiles for the filters of a panel, from M; `lines` holds them as [pixel][filter].
template <class T>
void finish_row(const Convolution& s, const FilteringExtents<T>& extents, const T* m, std::int64_t row,
                std::int64_t first, Range panel, const Epilogue<T>& epilogue, T* lines, T* y) {
  const std::int64_t image = row / extents.tile_rows, top = row % extents.tile_rows * kOutputs;
  const std::int64_t width = s.width.output, rows = smaller(kOutputs, s.height.output - top);
  const std::int64_t plane = s.height.output * width, panel_width = panel.end - panel.begin;
  for (std::int64_t k = panel.begin; k < panel.end && k < s.filters; k += kLanes<T>) {
    for (std::int64_t tile = 0; tile < extents.tile_columns; ++tile) {
      const T* const from = m + (first + tile) * panel_width + (k - panel.begin);
      Vec<T> sums[kProducts];
      for (std::int64_t i = 0; i < kProducts; ++i) sums[i] = load(from + i * extents.results);
      const std::int64_t left = tile * kOutputs;
      both_ways<T, kAlpha, kOutputs>(sums, OfResult<T>{}, [&](int i, int j, Vec<T> z) {
        if (i < rows && left + j < width) store(lines + (i * width + left + j) * kLanes<T>, z);
      });
    }
    const std::int64_t count = smaller(kLanes<T>, s.filters - k);
    T* const to = y + (image * s.filters + k) * plane + top * width;
    transpose_block(lines, kLanes<T>, rows * width, count, to, plane, rows * width);
    finish_block(epilogue, to, plane, k, count, top * width, rows * width);
  }
}

template <class T>
void winograd(const WinogradPlan& plan, const T* x, const T* weight, const Epilogue<T>& epilogue, T* y,
              void* scratch) {
  const Convolution& s = plan.shape;
  const FilteringExtents<T> extents(s, plan.rows);
  T* const u = static_cast<T*>(scratch);
  const auto own_of = [&](std::int64_t worker) {
    return reinterpret_cast<T*>(static_cast<char*>(scratch) + plan.weight_bytes +
                                static_cast<std::size_t>(worker) * plan.scratch_per_thread);
  };
  const auto share = [&](std::int64_t count, const auto& body) {
    const std::int64_t workers = smaller(plan.threads, count);
    parallel_for(plan.threads, workers,
                 [&](std::int64_t worker) { body(own_of(worker), part_of(count, workers, worker)); });
  };
  share(extents.vectors, [&](T* own, Range vectors) {
    for (std::int64_t i = vectors.begin; i < vectors.end; ++i)
      transform_filters(plan, extents, weight, i, own, u);
  });
  share(s.images * extents.tile_rows, [&](T* own, Range rows) {
    T* const v = own;
    T* const m = v + kProducts * extents.data;
    T* const strip = m + kProducts * extents.results;
    T* const lines = strip + strip_elements<T>(kAlpha, s.width.input);
    for (std::int64_t begin = rows.begin; begin < rows.end; begin += plan.rows) {
      const std::int64_t count = smaller(plan.rows, rows.end - begin), tiles = count * extents.tile_columns;
      for (std::int64_t r = 0; r < count; ++r)
        transform_row(s, extents, x, begin + r, r * extents.tile_columns, strip, v);
      for (std::int64_t index = 0; index < extents.panels; ++index) {
        const Range panel = extents.panel(index);
        const std::int64_t width = panel.end - panel.begin, blocks = ceil_div(tiles, kTileRows);
        for (std::int64_t i = 0; i < kProducts; ++i) {
          for (std::int64_t b = 0; b < blocks; ++b) {
            const Range block = part_of(tiles, blocks, b);
            tile_function<T>(block.end - block.begin, width / kLanes<T>)(
                {s.channels, v + i * extents.data + block.begin * extents.channels, extents.channels,
                 u + i * extents.weights + panel.begin * s.channels, width,
                 m + i * extents.results + block.begin * width, width, width, T(1), T(0)});
          }
        }
        for (std::int64_t r = 0; r < count; ++r)
          finish_row(s, extents, m, begin + r, r * extents.tile_columns, panel, epilogue, lines, y);
      }
    }
  });
}

}  // namespace

template <class T>
void add_winograd(Kernels<T>& kernels) {
  kernels.winograd_pays = winograd_pays<T>;
  kernels.plan_winograd = plan_winograd<T>;
  kernels.winograd = winograd<T>;
}

template void add_winograd<float>(Kernels<float>&);
template void add_winograd<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
