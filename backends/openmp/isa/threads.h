// Work sharing over OpenMP threads, and the small integer arithmetic of partitions. A partition here may
// depend on the number of threads because no floating-point sum ever crosses one of its borders.
#pragma once

#include <cstdint>

namespace assay::openmp::ASSAY_ISA {

constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
constexpr std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t to) { return ceil_div(a, to) * to; }

/// Half-open range of indices.
struct Range {
  std::int64_t begin;
  std::int64_t end;
};

/// Part `index` of `parts` nearly equal parts of [0, count); the first ones are longer.
constexpr Range part_of(std::int64_t count, std::int64_t parts, std::int64_t index) {
  const std::int64_t base = count / parts;
  const std::int64_t longer = count % parts;
  const std::int64_t begin = index * base + smaller(index, longer);
  return {begin, begin + base + (index < longer ? 1 : 0)};
}

/// body(i) for i in [0, count), each on one of `threads` threads. The team is always the whole one or the
/// caller alone: GCC's library ends and starts threads, and allocates, wherever the size of a team changes.
template <class Body>
inline void parallel_for(int threads, std::int64_t count, const Body& body) {
  if (threads <= 1 || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t i = 0; i < count; ++i) body(i);
}

/// body(range) for consecutive ranges that cover [0, count). Ranges start at multiples of `unit` and are
/// `grain` indices long or longer, because handing work to a thread costs about a microsecond.
template <class Body>
inline void parallel_ranges(int threads, std::int64_t count, std::int64_t unit, std::int64_t grain,
                            const Body& body) {
  const std::int64_t units = ceil_div(count, unit);
  const std::int64_t parts = smaller(smaller(threads, units), larger(1, count / larger(1, grain)));
  parallel_for(threads, parts, [&](std::int64_t part) {
    const Range range = part_of(units, parts, part);
    body(Range{range.begin * unit, smaller(range.end * unit, count)});
  });
}

}  // namespace assay::openmp::ASSAY_ISA
