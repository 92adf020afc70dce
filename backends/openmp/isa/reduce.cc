// Sums, averages and maxima over axes.
#include "backends/openmp/isa/reduce.h"

#include "backends/openmp/isa/families.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

template <class T>
void sum(const Reduction& r, const T* x, T divisor, T* y, void* scratch, int threads) {
  reduce<Sum, T, 1>(
      r, threads, static_cast<T*>(scratch),
      [x](auto) { return [x](std::int64_t i, auto lanes) { return One<T>{lanes.load(x + i)}; }; },
      [&](std::int64_t result, auto lanes, const One<T>& sums) {
        lanes.store(y + result, sums.of[0] / divisor);
      });
}

template <class T>
void max(const Reduction& r, const T* x, T* y, void* scratch, int threads) {
  reduce<Largest, T, 1>(
      r, threads, static_cast<T*>(scratch),
      [x](auto) { return [x](std::int64_t i, auto lanes) { return One<T>{lanes.load(x + i)}; }; },
      [&](std::int64_t result, auto lanes, const One<T>& largest) {
        lanes.store(y + result, largest.of[0]);
      });
}

constexpr std::int64_t levels(std::int64_t leaves) {
  std::int64_t height = 0;
  for (std::int64_t n = 1; n < leaves; n *= 2) ++height;
  return height;
}

// Of a RunReduction of runs of n terms each.
template <class T>
std::int64_t run_height(std::int64_t runs, std::int64_t n) {
  constexpr std::int64_t width = kRunVectors * kLanes<T>;
  return runs * ceil_div(n, width) + levels(width);
}

std::int64_t tile_height(std::int64_t rows) { return ceil_div(rows, kTileRows) + levels(kTileRows); }

template <class T>
std::int64_t reduction_height(const Reduction& r) {
  if (r.columnwise) return tile_height(r.joined) + (r.parts > 1 ? tile_height(r.parts) : 0);
  return run_height<T>(r.joined, r.piece) + (r.parts > 1 ? run_height<T>(1, r.parts) : 0);
}

template <class T>
std::int64_t line_height(std::int64_t n, bool contiguous) {
  return contiguous ? run_height<T>(1, n) : tile_height(n);
}

}  // namespace

template <class T>
void add_reductions(Kernels<T>& kernels) {
  kernels.sum = sum<T>;
  kernels.max = max<T>;
  kernels.reduction_height = reduction_height<T>;
  kernels.line_height = line_height<T>;
}

template void add_reductions<float>(Kernels<float>&);
template void add_reductions<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
