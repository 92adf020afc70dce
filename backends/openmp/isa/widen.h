// float vectors as two double vectors and back, for functions of floats that are evaluated in double.
#pragma once

#include <utility>

#include "backends/openmp/isa/simd.h"

namespace assay::openmp::ASSAY_ISA {

typedef float HalfVecFloat __attribute__((vector_size(kVectorBytes / 2)));

struct Widened {
  Vec<double> low;
  Vec<double> high;
};

template <int... Lane>
ASSAY_INLINE Widened widen_lanes(Vec<float> x, std::integer_sequence<int, Lane...>) {
  constexpr int half = sizeof...(Lane);
  const HalfVecFloat low = __builtin_shufflevector(x, x, Lane...);
  const HalfVecFloat high = __builtin_shufflevector(x, x, (half + Lane)...);
  return {__builtin_convertvector(low, Vec<double>), __builtin_convertvector(high, Vec<double>)};
}
template <int... Lane>
ASSAY_INLINE Vec<float> narrow_lanes(const Widened& x, std::integer_sequence<int, Lane...>) {
  const HalfVecFloat low = __builtin_convertvector(x.low, HalfVecFloat);
  const HalfVecFloat high = __builtin_convertvector(x.high, HalfVecFloat);
  return __builtin_shufflevector(low, high, Lane...);
}

ASSAY_INLINE Widened widen(Vec<float> x) {
  return widen_lanes(x, std::make_integer_sequence<int, kLanes<double>>{});
}
/// Rounded to nearest.
ASSAY_INLINE Vec<float> narrow(const Widened& x) {
  return narrow_lanes(x, std::make_integer_sequence<int, kLanes<float>>{});
}

}  // namespace assay::openmp::ASSAY_ISA
