// The gradient of a convolution by its weights, by minimal filtering:
//
//   E[ξ] = (D A dy Aᵀ D)[ξ]  [tiles × filters], and
//   V[ξ] = (Bᵀ x B)[ξ]       [tiles × channels], of some rows of tiles at a time
//   S[ξ] = Σ E[ξ]ᵀ V[ξ]      [filters × channels], for each of the 36 ξ
//   dw   = Vᵀ S V            of each filter and channel, V of G = D V
//
// The sums go block after block and within a block tile after tile, whatever the number of threads.
#include "backends/openmp/isa/conv_share.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/filtering.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Sizes that follow from the plan's.
template <class T>
struct GradientExtents {
  std::int64_t tile_rows, tile_columns;  ///< of one image
  std::int64_t channels, filters;        ///< whole vectors of them
  std::int64_t tiles;                    ///< at most, of one block
  std::int64_t data, cotangents, sums;   ///< from V[ξ], E[ξ] and S[ξ] to the next

  GradientExtents(const Convolution& s, std::int64_t rows)
      : tile_rows(ceil_div(s.height.output, kOutputs)),
        tile_columns(ceil_div(s.width.output, kOutputs)),
        channels(round_up(s.channels, kLanes<T>)),
        filters(round_up(s.filters, kLanes<T>)),
        tiles(rows * tile_columns),
        data(spaced<T>(tiles * channels)),
        cotangents(spaced<T>(tiles * filters)),
        sums(spaced<T>(s.filters * channels)) {}
};

template <class T>
std::int64_t gradient_scratch(const Convolution& s) {
  return larger(larger(strip_elements<T>(kAlpha, s.width.input), strip_elements<T>(kOutputs, s.width.output)),
                kTaps * kTaps * kLanes<T>);
}

template <class T>
WinogradPlan plan_winograd_grad_weight(const Convolution& shape, int threads) {
  WinogradPlan plan{};
  plan.shape = shape;
  plan.threads = worthwhile_threads(shape, threads);
  const GradientExtents<T> one(shape, 1);
  const std::int64_t size = sizeof(T), both = one.channels + one.filters;
  // As many tiles as the cache holds, or as make what is read of them as much as the sums that they are added
  // to.
  const std::int64_t tiles =
      larger(kTileBytes / (kProducts * both * size), one.channels * one.filters / both);
  plan.rows = smaller(larger(1, tiles / one.tile_columns), shape.images * one.tile_rows);
  const GradientExtents<T> block(shape, plan.rows);
  plan.weight_bytes = cache_lines<T>(kProducts * (block.sums + block.data + block.cotangents));
  plan.scratch_per_thread = cache_lines<T>(gradient_scratch<T>(shape));
  plan.scratch_bytes = plan.weight_bytes + plan.scratch_per_thread * static_cast<std::size_t>(plan.threads);
  return plan;
}

// E and V of rows of tiles [begin, begin + count), a vector of channels or filters at a time.
template <class T>
void transform_block(const Convolution& s, const GradientExtents<T>& e, std::int64_t begin, Range units,
                     const T* dy, const T* x, T* strip, T* v, T* cotangents) {
  const std::int64_t data = e.channels / kLanes<T>, vectors = data + e.filters / kLanes<T>;
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t row = begin + unit / vectors, first = unit / vectors * e.tile_columns;
    const std::int64_t image = row / e.tile_rows, top = row % e.tile_rows * kOutputs;
    const bool is_data = unit % vectors < data;
    const std::int64_t c = (unit % vectors - (is_data ? 0 : data)) * kLanes<T>;
    if (is_data) {
      const std::int64_t plane = s.height.input * s.width.input;
      transform_tiles<T, kAlpha>(
          {x + (image * s.channels + c) * plane, smaller(kLanes<T>, s.channels - c), s.height.input,
           s.width.input, top - s.height.before, -s.width.before, e.tile_columns},
          OfData<T>{}, strip, v + first * e.channels + c, e.channels, e.data);
    } else {
      const std::int64_t plane = s.height.output * s.width.output;
      transform_tiles<T, kOutputs>({dy + (image * s.filters + c) * plane, smaller(kLanes<T>, s.filters - c),
                                    s.height.output, s.width.output, top, 0, e.tile_columns},
                                   OfCotangent<T>{}, strip, cotangents + first * e.filters + c, e.filters,
                                   e.cotangents);
    }
  }
}

// S += Eᵀ V of so many tiles, for a strip of filters of one ξ each unit.
template <class T>
void add_block(const Convolution& s, const GradientExtents<T>& e, std::int64_t tiles, bool first, Range units,
               const T* v, const T* cotangents, T* sums) {
  const std::int64_t strips = ceil_div(s.filters, kStripRows);
  const std::int64_t vectors = e.channels / kLanes<T>, panels = ceil_div(vectors, kTileVectors);
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t i = unit / strips;
    const Range strip = part_of(s.filters, strips, unit % strips);
    const std::int64_t blocks = ceil_div(strip.end - strip.begin, kTileRows);
    for (std::int64_t index = 0; index < panels; ++index) {
      const Range panel = part_of(vectors, panels, index);
      const std::int64_t c = panel.begin * kLanes<T>, width = (panel.end - panel.begin) * kLanes<T>;
      for (std::int64_t b = 0; b < blocks; ++b) {
        const Range part = part_of(strip.end - strip.begin, blocks, b);
        const std::int64_t k = strip.begin + part.begin;
        tile_function<T, true>(part.end - part.begin, panel.end - panel.begin)(
            {tiles, cotangents + i * e.cotangents + k, e.filters, v + i * e.data + c, e.channels,
             sums + i * e.sums + k * e.channels + c, e.channels, width, T(1), first ? T(0) : T(1)});
      }
    }
  }
}

// dw of some filters; `lines` holds them as [tap][channel].
template <class T>
void finish_filters(const Convolution& s, const GradientExtents<T>& e, Range filters, const T* sums, T* lines,
                    T* dweight) {
  constexpr std::int64_t taps = kTaps * kTaps;
  for (std::int64_t k = filters.begin; k < filters.end; ++k) {
    for (std::int64_t c = 0; c < s.channels; c += kLanes<T>) {
      Vec<T> m[kProducts];
      for (std::int64_t i = 0; i < kProducts; ++i) m[i] = load(sums + i * e.sums + k * e.channels + c);
      both_ways<T, kAlpha, kTaps>(
          m, OfGradient<T>{}, [&](int i, int j, Vec<T> z) { store(lines + (i * kTaps + j) * kLanes<T>, z); });
      transpose_block(lines, kLanes<T>, taps, smaller(kLanes<T>, s.channels - c),
                      dweight + (k * s.channels + c) * taps, taps, taps);
    }
  }
}

template <class T>
void winograd_grad_weight(const WinogradPlan& plan, const T* dy, const T* x, T* dweight, void* scratch) {
  const Convolution& s = plan.shape;
  const GradientExtents<T> e(s, plan.rows);
  T* const sums = static_cast<T*>(scratch);
  T* const v = sums + kProducts * e.sums;
  T* const cotangents = v + kProducts * e.data;
  const auto share = [&](std::int64_t count, const auto& body) {
    const std::int64_t workers = smaller(plan.threads, count);
    parallel_for(plan.threads, workers, [&](std::int64_t worker) {
      body(reinterpret_cast<T*>(static_cast<char*>(scratch) + plan.weight_bytes +
                                static_cast<std::size_t>(worker) * plan.scratch_per_thread),
           part_of(count, workers, worker));
    });
  };
  const std::int64_t all = s.images * e.tile_rows, vectors = (e.channels + e.filters) / kLanes<T>;
  for (std::int64_t begin = 0; begin < all; begin += plan.rows) {
    const std::int64_t rows = smaller(plan.rows, all - begin);
    share(rows * vectors,
          [&](T* own, Range units) { transform_block(s, e, begin, units, dy, x, own, v, cotangents); });
    share(kProducts * ceil_div(s.filters, kStripRows), [&](T*, Range units) {
      add_block(s, e, rows * e.tile_columns, begin == 0, units, v, cotangents, sums);
    });
  }
  share(s.filters, [&](T* own, Range filters) { finish_filters(s, e, filters, sums, own, dweight); });
}

}  // namespace

template <class T>
void add_winograd_grad_weight(Kernels<T>& kernels) {
  kernels.plan_winograd_grad_weight = plan_winograd_grad_weight<T>;
  kernels.winograd_grad_weight = winograd_grad_weight<T>;
}

template void add_winograd_grad_weight<float>(Kernels<float>&);
template void add_winograd_grad_weight<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
