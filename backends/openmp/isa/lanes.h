// Loops over contiguous elements, a vector at a time; the last, partial vector takes the same operations as
// the others, so that an element's bits do not depend on where a loop ends.
#pragma once

#include <cstdint>

#include "backends/openmp/isa/simd.h"
#include "backends/openmp/isa/threads.h"

namespace assay::openmp::ASSAY_ISA {

/// Access to all lanes of a vector ...
template <class T>
struct FullLanes {
  static constexpr int count = kLanes<T>;
  ASSAY_INLINE Vec<T> load(const T* from) const { return ASSAY_ISA::load(from); }
  ASSAY_INLINE void store(T* to, Vec<T> v) const { ASSAY_ISA::store(to, v); }
};
/// ... and to its first `count`; the others load as 0.
template <class T>
struct FirstLanes {
  int count;
  ASSAY_INLINE Vec<T> load(const T* from) const { return ASSAY_ISA::load(from, count); }
  ASSAY_INLINE void store(T* to, Vec<T> v) const { ASSAY_ISA::store(to, v, count); }
};

/// body(i, lanes) for i = begin, begin + kLanes, ... < end.
template <class T, class Body>
ASSAY_INLINE void for_lanes(std::int64_t begin, std::int64_t end, const Body& body) {
  std::int64_t i = begin;
  for (; i + kLanes<T> <= end; i += kLanes<T>) body(i, FullLanes<T>{});
  if (i < end) body(i, FirstLanes<T>{static_cast<int>(end - i)});
}

// Elements of cheap work that are worth a thread.
inline constexpr std::int64_t kGrain = 16384;

/// body(i, lanes) over [0, count) on several threads.
template <class T, class Body>
inline void parallel_lanes(int threads, std::int64_t count, std::int64_t grain, const Body& body) {
  parallel_ranges(threads, count, 64 / sizeof(T), grain,
                  [&](Range range) { for_lanes<T>(range.begin, range.end, body); });
}

}  // namespace assay::openmp::ASSAY_ISA
