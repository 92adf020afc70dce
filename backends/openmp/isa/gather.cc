// Rows of a table by index, and the sums of the rows that share an index.
#include <limits>

#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

template <class T>
void gather(const Gather& g, const T* table, const std::int32_t* index, T* y, int threads) {
  parallel_ranges(threads, g.count, 1, kGrain / larger(1, g.width), [&](Range range) {
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      const bool known = index[i] >= 0 && index[i] < g.rows;
      const T* from = table + (known ? index[i] : 0) * g.width;
      T* to = y + i * g.width;
      const Vec<T> unknown = splat(std::numeric_limits<T>::quiet_NaN());
      for_lanes<T>(0, g.width, [&](std::int64_t j, auto lanes) {
        lanes.store(to + j, known ? lanes.load(from + j) : unknown);
      });
    }
  });
}

// Columns [begin, end) of the table rows [first, last).
template <class T>
void gather_grad_block(const Gather& g, const T* dy, const std::int32_t* index, Range rows, Range columns,
                       T* dtable) {
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    for_lanes<T>(columns.begin, columns.end,
                 [&](std::int64_t j, auto lanes) { lanes.store(dtable + r * g.width + j, Vec<T>{}); });
  }
  for (std::int64_t i = 0; i < g.count; ++i) {
    if (index[i] < rows.begin || index[i] >= rows.end) continue;
    const T* from = dy + i * g.width;
    T* to = dtable + index[i] * g.width;
    for_lanes<T>(columns.begin, columns.end, [&](std::int64_t j, auto lanes) {
      lanes.store(to + j, lanes.load(to + j) + lanes.load(from + j));
    });
  }
}

// An element of the table is summed by one thread, in the order of the indices. Wide rows are shared by
// columns, which gives every thread the same work; of narrow ones, each thread looks for its own.
template <class T>
void gather_grad(const Gather& g, const T* dy, const std::int32_t* index, T* dtable, int threads) {
  constexpr std::int64_t line = 64 / sizeof(T);
  const std::int64_t elements = (g.rows + g.count) * g.width;
  if (elements < kGrain * threads) threads = 1;
  if (g.width >= line * threads) {
    parallel_ranges(threads, g.width, line, 1, [&](Range columns) {
      gather_grad_block(g, dy, index, {0, g.rows}, columns, dtable);
    });
  } else {
    parallel_ranges(threads, g.rows, 1, 1, [&](Range rows) {
      gather_grad_block(g, dy, index, rows, {0, g.width}, dtable);
    });
  }
}

}  // namespace

template <class T>
void add_gathers(Kernels<T>& kernels) {
  kernels.gather = gather<T>;
  kernels.gather_grad = gather_grad<T>;
}

template void add_gathers<float>(Kernels<float>&);
template void add_gathers<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
