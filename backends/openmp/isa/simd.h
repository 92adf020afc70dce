// Vectors of float and double as wide as the instruction set that this file is compiled for, on the
// compilers' vector extensions: + - * / and comparisons are the built-in operators, `mask ? a : b` selects
// lanes. This header adds what they lack. A function template here takes any Vec<T>; everything lives in the
// namespace of the instruction set.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// A function of vectors that is not inlined passes them through memory.
#define ASSAY_INLINE [[gnu::always_inline]] inline

namespace assay::openmp::ASSAY_ISA {

#if defined(ASSAY_ISA_avx512)
inline constexpr int kVectorBytes = 64;
inline constexpr bool kHasFma = true;
#elif defined(ASSAY_ISA_avx2)
inline constexpr int kVectorBytes = 32;
inline constexpr bool kHasFma = true;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr bool kHasFma = false;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};

template <class T>
using Vec = typename VectorOf<T>::type;
template <class V>
using Element = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
/// Unsigned integers as wide as T; what bits() returns lanes of.
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
template <class V>
using BitsVec = Vec<BitsOf<Element<V>>>;
/// What a comparison yields: all ones or all zeros in each lane.
template <class V>
using Mask = decltype(std::declval<V>() < std::declval<V>());

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
ASSAY_INLINE Vec<T> splat(T x) {
  return x - Vec<T>{};
}

template <class V>
ASSAY_INLINE BitsVec<V> bits(V v) {
  return (BitsVec<V>)v;
}
template <class V>
ASSAY_INLINE V from_bits(BitsVec<V> b) {
  return (V)b;
}

template <class T>
ASSAY_INLINE Vec<T> load(const T* from) {
  Vec<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
ASSAY_INLINE void store(T* to, Vec<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

#if defined(ASSAY_ISA_avx512)

ASSAY_INLINE Vec<float> load(const float* from, int count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}
ASSAY_INLINE Vec<double> load(const double* from, int count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from);
}
ASSAY_INLINE void store(float* to, Vec<float> v, int count) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), v);
}
ASSAY_INLINE void store(double* to, Vec<double> v, int count) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), v);
}
ASSAY_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm512_fmadd_ps(a, b, c); }
ASSAY_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
  return _mm512_fmadd_pd(a, b, c);
}
// The unmasked intrinsics start from an undefined register, of which GCC 12 warns (GCC bug 105593).
ASSAY_INLINE Vec<float> sqrt(Vec<float> x) { return _mm512_maskz_sqrt_ps(0xFFFF, x); }
ASSAY_INLINE Vec<double> sqrt(Vec<double> x) { return _mm512_maskz_sqrt_pd(0xFF, x); }
ASSAY_INLINE bool any(Mask<Vec<float>> m) { return _mm512_movepi32_mask((__m512i)m) != 0; }
ASSAY_INLINE bool any(Mask<Vec<double>> m) { return _mm512_movepi64_mask((__m512i)m) != 0; }

#elif defined(ASSAY_ISA_avx2)

ASSAY_INLINE __m256i first_lanes_32(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ASSAY_INLINE __m256i first_lanes_64(int count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
ASSAY_INLINE Vec<float> load(const float* from, int count) {
  return _mm256_maskload_ps(from, first_lanes_32(count));
}
ASSAY_INLINE Vec<double> load(const double* from, int count) {
  return _mm256_maskload_pd(from, first_lanes_64(count));
}
ASSAY_INLINE void store(float* to, Vec<float> v, int count) {
  _mm256_maskstore_ps(to, first_lanes_32(count), v);
}
ASSAY_INLINE void store(double* to, Vec<double> v, int count) {
  _mm256_maskstore_pd(to, first_lanes_64(count), v);
}
ASSAY_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm256_fmadd_ps(a, b, c); }
ASSAY_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
  return _mm256_fmadd_pd(a, b, c);
}
ASSAY_INLINE Vec<float> sqrt(Vec<float> x) { return _mm256_sqrt_ps(x); }
ASSAY_INLINE Vec<double> sqrt(Vec<double> x) { return _mm256_sqrt_pd(x); }
ASSAY_INLINE bool any(Mask<Vec<float>> m) { return _mm256_movemask_ps((__m256)m) != 0; }
ASSAY_INLINE bool any(Mask<Vec<double>> m) { return _mm256_movemask_pd((__m256d)m) != 0; }

#else

template <class T>
ASSAY_INLINE Vec<T> load(const T* from, int count) {
  Vec<T> v{};
  for (int i = 0; i < count; ++i) v[i] = from[i];
  return v;
}
template <class V>
ASSAY_INLINE void store(Element<V>* to, V v, int count) {
  for (int i = 0; i < count; ++i) to[i] = v[i];
}
#if defined(__SSE2__)
ASSAY_INLINE Vec<float> sqrt(Vec<float> x) { return _mm_sqrt_ps(x); }
ASSAY_INLINE Vec<double> sqrt(Vec<double> x) { return _mm_sqrt_pd(x); }
ASSAY_INLINE bool any(Mask<Vec<float>> m) { return _mm_movemask_ps((__m128)m) != 0; }
ASSAY_INLINE bool any(Mask<Vec<double>> m) { return _mm_movemask_pd((__m128d)m) != 0; }
#else
ASSAY_INLINE Vec<float> sqrt(Vec<float> x) {
  for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
ASSAY_INLINE Vec<double> sqrt(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
}
template <class M>
ASSAY_INLINE bool any(M m) {
  bool found = false;
  for (int i = 0; i < static_cast<int>(sizeof m / sizeof m[0]); ++i) found = found || m[i] != 0;
  return found;
}
#endif

#endif

/// a·b + c, rounded once where the instruction set has fused multiply-add and twice on the baseline.
template <class V>
ASSAY_INLINE V multiply_add(V a, V b, V c) {
  if constexpr (kHasFma) {
    return fused(a, b, c);
  } else {
    return a * b + c;
  }
}

template <class V, int... Lane>
ASSAY_INLINE Mask<V> lanes_below(int count, std::integer_sequence<int, Lane...>) {
  return Mask<V>{Lane...} < count;
}
/// True in the first `count` lanes.
template <class V>
ASSAY_INLINE Mask<V> first_lanes(int count) {
  return lanes_below<V>(count, std::make_integer_sequence<int, kLanes<Element<V>>>{});
}

/// Some neighbouring lanes, in the form that load_lanes() wants.
#if defined(ASSAY_ISA_avx512)
template <class T>
using LaneRange = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;
#else
template <class T>
using LaneRange = Mask<Vec<T>>;
#endif

/// Lanes [begin, end).
template <class T>
ASSAY_INLINE LaneRange<T> lane_range(int begin, int end) {
#if defined(ASSAY_ISA_avx512)
  return static_cast<LaneRange<T>>((1u << end) - (1u << begin));
#else
  return first_lanes<Vec<T>>(end) & ~first_lanes<Vec<T>>(begin);
#endif
}

/// from[i] in the lanes i of the range, v in the others, whose memory is not touched.
ASSAY_INLINE Vec<float> load_lanes(const float* from, LaneRange<float> range, Vec<float> v) {
#if defined(ASSAY_ISA_avx512)
  return _mm512_mask_loadu_ps(v, range, from);
#elif defined(ASSAY_ISA_avx2)
  return range ? _mm256_maskload_ps(from, (__m256i)range) : v;
#else
  for (int i = 0; i < kLanes<float>; ++i) v[i] = range[i] ? from[i] : v[i];
  return v;
#endif
}
ASSAY_INLINE Vec<double> load_lanes(const double* from, LaneRange<double> range, Vec<double> v) {
#if defined(ASSAY_ISA_avx512)
  return _mm512_mask_loadu_pd(v, range, from);
#elif defined(ASSAY_ISA_avx2)
  return range ? _mm256_maskload_pd(from, (__m256i)range) : v;
#else
  for (int i = 0; i < kLanes<double>; ++i) v[i] = range[i] ? from[i] : v[i];
  return v;
#endif
}

/// `count` elements (all lanes where count reaches kLanes<T>), the rest zero.
template <class T>
ASSAY_INLINE Vec<T> load_up_to(const T* from, std::int64_t count) {
  return count >= kLanes<T> ? load(from) : load(from, static_cast<int>(count));
}
template <class T>
ASSAY_INLINE void store_up_to(T* to, Vec<T> v, std::int64_t count) {
  count >= kLanes<T> ? store(to, v) : store(to, v, static_cast<int>(count));
}

}  // namespace assay::openmp::ASSAY_ISA
