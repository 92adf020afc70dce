// The lines of a tensor along one axis. A formula along an axis is written once, in terms of a line: lines
// that lie contiguous are worked on one after the other, lines that lie side by side a vector of them at a
// time.
#pragma once

#include "backends/openmp/isa/reduce.h"

namespace assay::openmp::ASSAY_ISA {

/// n contiguous elements.
template <class T>
class RunLine {
 public:
  explicit RunLine(std::int64_t n) : n_(n) {}

  /// term(i, lanes), a vector, joined over the line; the same in all lanes.
  template <class Join, class Term>
  ASSAY_INLINE Vec<T> reduce(const Term& term) const {
    return splat(
        reduce_run<Join, T, 1>(n_, [&](std::int64_t i, auto lanes) { return One<T>{term(i, lanes)}; }).of[0]);
  }
  template <class Body>
  ASSAY_INLINE void for_each(const Body& body) const {
    for_lanes<T>(0, n_, body);
  }

 private:
  std::int64_t n_;
};

/// A vector of lines, or the first few lanes of one; elements of a line lie `step` apart.
template <class T, class Lanes>
class ColumnLines {
 public:
  ColumnLines(std::int64_t n, std::int64_t step, Lanes lanes) : n_(n), step_(step), lanes_(lanes) {}

  template <class Join, class Term>
  ASSAY_INLINE Vec<T> reduce(const Term& term) const {
    Vec<T> joined;
    reduce_tile<Join, T, 1, 1>(
        n_, 0, lanes_,
        [&](std::int64_t k) {
          return [&, k](std::int64_t, Lanes lanes) { return One<T>{term(k * step_, lanes)}; };
        },
        [&](std::int64_t, Lanes, const One<T>& values) { joined = values.of[0]; });
    return joined;
  }
  template <class Body>
  ASSAY_INLINE void for_each(const Body& body) const {
    for (std::int64_t k = 0; k < n_; ++k) body(k * step_, lanes_);
  }

 private:
  std::int64_t n_, step_;
  Lanes lanes_;
};

/// body(line, start) for every line along the axis, `start` being its first element. `grain`: elements that
/// are worth a thread.
template <class T, class Body>
inline void for_each_line(const Around& x, int threads, std::int64_t grain, const Body& body) {
  if (x.inner == 1) {
    parallel_ranges(threads, x.outer, 1, grain / larger(1, x.extent), [&](Range range) {
      for (std::int64_t o = range.begin; o < range.end; ++o) body(RunLine<T>(x.extent), o * x.extent);
    });
    return;
  }
  const std::int64_t vectors = ceil_div(x.inner, kLanes<T>);
  const std::int64_t work = x.extent * smaller(x.inner, kLanes<T>);
  parallel_ranges(threads, x.outer * vectors, 1, grain / larger(1, work), [&](Range range) {
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const std::int64_t column = task % vectors * kLanes<T>;
      for_lanes<T>(column, smaller(x.inner, column + kLanes<T>), [&](std::int64_t at, auto lanes) {
        body(ColumnLines<T, decltype(lanes)>(x.extent, x.inner, lanes),
             task / vectors * x.extent * x.inner + at);
      });
    }
  });
}

}  // namespace assay::openmp::ASSAY_ISA
