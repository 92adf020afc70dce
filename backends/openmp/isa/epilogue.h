// What is done to a block of C when its sums are complete and still in the cache: bias and activation.
#pragma once

#include "backends/openmp/isa/activations.h"
#include "backends/openmp/isa/lanes.h"

namespace assay::openmp::ASSAY_ISA {

template <class T>
inline bool is_empty(const Epilogue<T>& epilogue) {
  return epilogue.axis == BiasAxis::none && epilogue.activation.kind == ActivationKind::identity;
}

/// C = f(C + bias) for rows [row, row + rows) and columns [column, column + columns) of C; `c` is its element
/// (row, column).
template <class T>
inline void finish_block(const Epilogue<T>& epilogue, T* c, std::int64_t c_row, std::int64_t row,
                         std::int64_t rows, std::int64_t column, std::int64_t columns) {
  if (is_empty(epilogue)) return;
  with_activation<T>(epilogue.activation.kind, [&]<class F>() {
    const F f(epilogue.activation.parameter);
    for (std::int64_t r = 0; r < rows; ++r) {
      T* line = c + r * c_row;
      if (epilogue.axis == BiasAxis::column) {
        const T* bias = epilogue.bias + column;
        for_lanes<T>(0, columns, [&](std::int64_t i, auto lanes) {
          lanes.store(line + i, f(lanes.load(line + i) + lanes.load(bias + i)));
        });
      } else {
        const Vec<T> bias = splat(epilogue.axis == BiasAxis::row ? epilogue.bias[row + r] : T(0));
        for_lanes<T>(0, columns, [&](std::int64_t i, auto lanes) {
          lanes.store(line + i, f(lanes.load(line + i) + bias));
        });
      }
    }
  });
}

}  // namespace assay::openmp::ASSAY_ISA
