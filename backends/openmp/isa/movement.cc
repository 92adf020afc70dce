// Copies between strided tensors.
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/nest.h"
#include "backends/openmp/isa/transpose.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Of a matrix that is transposed, so many rows and columns at a time stay in the first-level cache.
constexpr std::int64_t kTile = 64;

// The last two loops as a matrix whose rows are contiguous in y and whose columns are contiguous in x.
template <class T>
void copy_transposed(const Nest& nest, const T* x, T* y, int threads) {
  const int row = nest.rank - 2, column = nest.rank - 1;
  const std::int64_t rows = nest.extent[row], columns = nest.extent[column];
  const std::int64_t x_step = nest.stride[0][column], y_step = nest.stride[1][row];
  const std::int64_t tiles_down = ceil_div(rows, kTile), tiles = tiles_down * ceil_div(columns, kTile);
  std::int64_t matrices = 1;
  for (int d = 0; d < row; ++d) matrices *= nest.extent[d];
  const std::int64_t work = smaller(rows, kTile) * smaller(columns, kTile);
  parallel_ranges(threads, matrices * tiles, 1, kGrain / larger(1, work), [&](Range range) {
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const std::int64_t r = task % tiles % tiles_down * kTile, c = task % tiles / tiles_down * kTile;
      std::int64_t from = r + c * x_step, to = r * y_step + c;
      std::int64_t matrix = task / tiles;
      for (int d = row - 1; d >= 0; matrix /= nest.extent[d], --d) {
        from += matrix % nest.extent[d] * nest.stride[0][d];
        to += matrix % nest.extent[d] * nest.stride[1][d];
      }
      const std::int64_t width = smaller(kTile, columns - c);
      transpose_block(x + from, x_step, width, smaller(kTile, rows - r), y + to, y_step, width);
    }
  });
}

template <class T>
void copy(const Copy& copy, const T* x, T* y, int threads) {
  const Nest& nest = copy.nest;
  if (copy.transposed) return copy_transposed(nest, x, y, threads);
  const std::int64_t step_x = nest.stride[0][nest.rank - 1], step_y = nest.stride[1][nest.rank - 1];
  walk_nest<2>(
      nest, threads, 64 / sizeof(T), kGrain, [&](std::int64_t, std::int64_t count, const std::int64_t* at) {
        const T* from = x + at[0];
        T* to = y + at[1];
        if (step_x == 1 && step_y == 1) {
          for_lanes<T>(0, count,
                       [&](std::int64_t i, auto lanes) { lanes.store(to + i, lanes.load(from + i)); });
        } else if (step_x == 0 && step_y == 1) {
          const Vec<T> value = splat(*from);
          for_lanes<T>(0, count, [&](std::int64_t i, auto lanes) { lanes.store(to + i, value); });
        } else {
          for (std::int64_t i = 0; i < count; ++i) to[i * step_y] = from[i * step_x];
        }
      });
}

}  // namespace

template <class T>
void add_movement(Kernels<T>& kernels) {
  kernels.copy = copy<T>;
}

template void add_movement<float>(Kernels<float>&);
template void add_movement<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
