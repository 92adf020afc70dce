// Reductions in a fixed tree. A result is reduced from parts, and each part in several vectors at a time;
// where parts begin and in which order they are joined depends on the shapes alone (Reduction), so that the
// threads that share them leave no trace.
#pragma once

#include <utility>

#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/math_core.h"
#include "backends/openmp/isa/nest.h"

namespace assay::openmp::ASSAY_ISA {

struct Sum {
  template <class V>
  ASSAY_INLINE static V identity() {
    return V{};
  }
  template <class V>
  ASSAY_INLINE static V join(V a, V b) {
    return a + b;
  }
};

/// NaN in either operand is returned.
struct Largest {
  template <class V>
  ASSAY_INLINE static V identity() {
    return V{} - Format<Element<V>>::infinity;
  }
  template <class V>
  ASSAY_INLINE static V join(V a, V b) {
    return ((a > b) | (a != a)) ? a : b;
  }
};

/// Quantities that are reduced side by side.
template <class V, int count>
struct Several {
  V of[count];
};
template <class T>
using One = Several<Vec<T>, 1>;
template <class T>
using Two = Several<Vec<T>, 2>;

template <int Half, class V, int... Lane>
ASSAY_INLINE V exchange_halves(V v, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(v, v, (Lane ^ Half)...);
}

/// All lanes joined, as a balanced tree.
template <class Join, int Half, class V>
ASSAY_INLINE Element<V> join_lanes(V v) {
  if constexpr (Half == 0) {
    return v[0];
  } else {
    constexpr int lanes = kLanes<Element<V>>;
    return join_lanes<Join, Half / 2>(
        Join::join(v, exchange_halves<Half>(v, std::make_integer_sequence<int, lanes>{})));
  }
}

// Vectors that a run is reduced in at a time: additions take four cycles.
inline constexpr int kRunVectors = 4;
// Rows that columns are reduced in at a time, and vectors of columns.
inline constexpr int kTileRows = 2;
template <int count>
inline constexpr int kTileVectors = kRunVectors / count;

/// Contiguous terms, joined into one result.
template <class Join, class T, int count>
class RunReduction {
 public:
  ASSAY_INLINE RunReduction() {
    for (int u = 0; u < kRunVectors; ++u) {
      for (int k = 0; k < count; ++k) joined_[u].of[k] = Join::template identity<Vec<T>>();
    }
  }

  /// Joins term(i, lanes), a Several of vectors, for i < n.
  template <class Term>
  ASSAY_INLINE void add(std::int64_t n, const Term& term) {
    std::int64_t i = 0;
    for (; i + kRunVectors * kLanes<T> <= n; i += kRunVectors * kLanes<T>) {
      for (int u = 0; u < kRunVectors; ++u) join(u, term(i + u * kLanes<T>, FullLanes<T>{}));
    }
    for (int u = 0; u < kRunVectors - 1; ++u) {
      if (i + kLanes < T >> n) break;
      join(u, term(i, FullLanes<T>{}));
      i += kLanes<T>;
    }
    if (i == n) return;
    // Lanes beyond the end hold terms of nothing.
    const auto inside = first_lanes<Vec<T>>(static_cast<int>(n - i));
    Several<Vec<T>, count> last = term(i, FirstLanes<T>{static_cast<int>(n - i)});
    for (int k = 0; k < count; ++k) last.of[k] = inside ? last.of[k] : Join::template identity<Vec<T>>();
    join(kRunVectors - 1, last);
  }

  ASSAY_INLINE Several<T, count> total() const {
    Several<T, count> result;
    for (int k = 0; k < count; ++k) {
      const Vec<T> left = Join::join(joined_[0].of[k], joined_[1].of[k]);
      const Vec<T> right = Join::join(joined_[2].of[k], joined_[3].of[k]);
      result.of[k] = join_lanes<Join, kLanes<T> / 2>(Join::join(left, right));
    }
    return result;
  }

 private:
  ASSAY_INLINE void join(int u, const Several<Vec<T>, count>& term) {
    for (int k = 0; k < count; ++k) joined_[u].of[k] = Join::join(joined_[u].of[k], term.of[k]);
  }

  Several<Vec<T>, count> joined_[kRunVectors];
};

/// The reduction of one run of n terms.
template <class Join, class T, int count, class Term>
ASSAY_INLINE Several<T, count> reduce_run(std::int64_t n, const Term& term) {
  RunReduction<Join, T, count> reduction;
  reduction.add(n, term);
  return reduction.total();
}

/// Columns [column, column + vectors · kLanes) reduced over rows; row_terms(row) is a term(column, lanes).
/// With FirstLanes, a single vector.
template <class Join, class T, int count, int vectors, class Lanes, class RowTerms, class Finish>
ASSAY_INLINE void reduce_tile(std::int64_t rows, std::int64_t column, Lanes lanes, const RowTerms& row_terms,
                              const Finish& finish) {
  Several<Vec<T>, count> joined[kTileRows][vectors];
  for (auto& row : joined) {
    for (auto& vector : row) {
      for (Vec<T>& v : vector.of) v = Join::template identity<Vec<T>>();
    }
  }
  const auto join_row = [&](int r, std::int64_t row) {
    const auto term = row_terms(row);
    for (int v = 0; v < vectors; ++v) {
      const Several<Vec<T>, count> next = term(column + v * kLanes<T>, lanes);
      for (int k = 0; k < count; ++k) joined[r][v].of[k] = Join::join(joined[r][v].of[k], next.of[k]);
    }
  };
  std::int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    for (int r = 0; r < kTileRows; ++r) join_row(r, row + r);
  }
  if (row < rows) join_row(0, row);
  for (int v = 0; v < vectors; ++v) {
    for (int k = 0; k < count; ++k) joined[0][v].of[k] = Join::join(joined[0][v].of[k], joined[1][v].of[k]);
    finish(column + v * kLanes<T>, lanes, joined[0][v]);
  }
}

/// `groups` times: `columns` columns reduced over rows(group) rows. row_terms(group, row) is a
/// term(column, lanes); finish(group, column, lanes, values).
template <class Join, class T, int count, class Rows, class RowTerms, class Finish>
inline void reduce_tiles(std::int64_t groups, std::int64_t columns, std::int64_t most_rows, int threads,
                         const Rows& rows, const RowTerms& row_terms, const Finish& finish) {
  constexpr int vectors = kTileVectors<count>;
  constexpr std::int64_t width = vectors * kLanes<T>;
  const std::int64_t tiles = ceil_div(columns, width);
  const std::int64_t grain = kGrain / larger(1, most_rows * smaller(columns, width));
  parallel_ranges(threads, groups * tiles, 1, grain, [&](Range range) {
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const std::int64_t group = task / tiles, column = task % tiles * width;
      const std::int64_t end = smaller(columns, column + width);
      const auto terms = [&](std::int64_t row) { return row_terms(group, row); };
      const auto finish_group = [&](std::int64_t at, auto lanes, const Several<Vec<T>, count>& values) {
        finish(group, at, lanes, values);
      };
      if (end - column == width) {
        reduce_tile<Join, T, count, vectors>(rows(group), column, FullLanes<T>{}, terms, finish_group);
      } else {
        for_lanes<T>(column, end, [&](std::int64_t at, auto lanes) {
          reduce_tile<Join, T, count, 1>(rows(group), at, lanes, terms, finish_group);
        });
      }
    }
  });
}

/// Results that lie side by side. row_terms(run, offset, result) is a term(column, lanes) for the row of x
/// that starts at `offset` and goes into the results from `result` on; finish(result, lanes, values) takes
/// the results of some lanes.
template <class Join, class T, int count, class RowTerms, class Finish>
inline void reduce_columns(const Reduction& r, int threads, T* partials, const RowTerms& row_terms,
                           const Finish& finish) {
  const auto rows_of_part = [&](std::int64_t task) {
    return smaller(r.joined, r.runs - task % r.parts * r.joined);
  };
  const auto terms_of_part = [&](std::int64_t task, std::int64_t row) {
    const std::int64_t run = task % r.parts * r.joined + row, group = task / r.parts;
    return row_terms(run, offset_of(r.kept, group) + offset_of(r.reduced, run), group * r.columns);
  };
  if (r.parts == 1) {
    reduce_tiles<Join, T, count>(
        r.groups, r.columns, r.joined, threads, rows_of_part, terms_of_part,
        [&](std::int64_t group, std::int64_t column, auto lanes, const Several<Vec<T>, count>& values) {
          finish(group * r.columns + column, lanes, values);
        });
    return;
  }
  const std::int64_t tasks = r.groups * r.parts;
  reduce_tiles<Join, T, count>(
      tasks, r.columns, r.joined, threads, rows_of_part, terms_of_part,
      [&](std::int64_t task, std::int64_t column, auto lanes, const Several<Vec<T>, count>& values) {
        for (int k = 0; k < count; ++k)
          lanes.store(partials + (k * tasks + task) * r.columns + column, values.of[k]);
      });
  reduce_tiles<Join, T, count>(
      r.groups, r.columns, r.parts, threads, [&](std::int64_t) { return r.parts; },
      [&](std::int64_t group, std::int64_t part) {
        return [=, &r](std::int64_t column, auto lanes) {
          Several<Vec<T>, count> values;
          for (int k = 0; k < count; ++k) {
            values.of[k] = lanes.load(partials + (k * tasks + group * r.parts + part) * r.columns + column);
          }
          return values;
        };
      },
      [&](std::int64_t group, std::int64_t column, auto lanes, const Several<Vec<T>, count>& values) {
        finish(group * r.columns + column, lanes, values);
      });
}

/// Results from contiguous runs. terms(result) is a term(i, lanes) of elements of x; finish(result, values).
template <class Join, class T, int count, class Terms, class Finish>
inline void reduce_runs(const Reduction& r, int threads, T* partials, const Terms& terms,
                        const Finish& finish) {
  const auto reduce_part = [&](std::int64_t result, std::int64_t part) {
    const auto term = terms(result);
    const std::int64_t start = offset_of(r.kept, result);
    RunReduction<Join, T, count> reduction;
    const auto add = [&](std::int64_t from, std::int64_t n) {
      reduction.add(n, [&](std::int64_t i, auto lanes) { return term(from + i, lanes); });
    };
    if (r.pieces > 1) {
      const std::int64_t begin = part % r.pieces * r.piece;
      add(start + offset_of(r.reduced, part / r.pieces) + begin, smaller(r.piece, r.run - begin));
    } else {
      const std::int64_t end = smaller((part + 1) * r.joined, r.runs);
      for (std::int64_t run = part * r.joined; run < end; ++run) {
        add(start + offset_of(r.reduced, run), r.run);
      }
    }
    return reduction.total();
  };
  const std::int64_t tasks = r.groups * r.parts;
  const std::int64_t grain = kGrain / larger(1, smaller(r.piece, r.run) * r.joined);
  if (r.parts == 1) {
    parallel_ranges(threads, tasks, 1, grain, [&](Range range) {
      for (std::int64_t i = range.begin; i < range.end; ++i) finish(i, reduce_part(i, 0));
    });
    return;
  }
  parallel_ranges(threads, tasks, 1, grain, [&](Range range) {
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const Several<T, count> values = reduce_part(task / r.parts, task % r.parts);
      for (int k = 0; k < count; ++k) partials[k * tasks + task] = values.of[k];
    }
  });
  parallel_ranges(threads, r.groups, 1, kGrain / r.parts, [&](Range range) {
    for (std::int64_t result = range.begin; result < range.end; ++result) {
      const T* from = partials + result * r.parts;
      finish(result, reduce_run<Join, T, count>(r.parts, [&](std::int64_t i, auto lanes) {
               Several<Vec<T>, count> values;
               for (int k = 0; k < count; ++k) values.of[k] = lanes.load(from + k * tasks + i);
               return values;
             }));
    }
  });
}

/// Either form. make_term(parameter) is a term(i, lanes) of elements of x, where parameter(table) reads a
/// table that has an entry per result; finish(result, lanes, values) takes the results of some lanes.
template <class Join, class T, int count, class MakeTerm, class Finish>
inline void reduce(const Reduction& r, int threads, T* partials, const MakeTerm& make_term,
                   const Finish& finish) {
  if (r.columnwise) {
    reduce_columns<Join, T, count>(
        r, threads, partials,
        [&](std::int64_t, std::int64_t offset, std::int64_t result) {
          return [&make_term, offset, result](std::int64_t column, auto lanes) {
            const auto parameter = [&](const T* table) { return lanes.load(table + result + column); };
            return make_term(parameter)(offset + column, lanes);
          };
        },
        finish);
  } else {
    reduce_runs<Join, T, count>(
        r, threads, partials,
        [&](std::int64_t result) {
          return make_term([result](const T* table) { return splat(table[result]); });
        },
        [&](std::int64_t result, const Several<T, count>& values) {
          Several<Vec<T>, count> vectors;
          for (int k = 0; k < count; ++k) vectors.of[k] = splat(values.of[k]);
          finish(result, FirstLanes<T>{1}, vectors);
        });
  }
}

}  // namespace assay::openmp::ASSAY_ISA
