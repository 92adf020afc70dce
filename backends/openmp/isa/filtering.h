// Minimal filtering F(4 × 4, 3 × 3) on vectors that run over channels: the transforms of
// backends/reference/winograd.h, each a few operations on whole vectors, and the way between them and images,
// which are transposed on their way in and out.
#pragma once

#include "backends/openmp/isa/gemm_block.h"
#include "backends/openmp/isa/transpose.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp::ASSAY_ISA {

inline constexpr std::int64_t kOutputs = 4, kTaps = 3, kAlpha = kOutputs + kTaps - 1;
/// The matrices that products are computed with, one for each ξ.
inline constexpr std::int64_t kProducts = kAlpha * kAlpha;

// The points are 0, ±p, ±q and infinity; and the 1/N of these.
inline constexpr double kP = kFilteringPoints[1], kQ = kFilteringPoints[3];
inline constexpr double kAtZero = 1 / (kP * kP * kQ * kQ), kAtP = 1 / (2 * kP * kP * (kP * kP - kQ * kQ)),
                        kAtQ = 1 / (2 * kQ * kQ * (kQ * kQ - kP * kP));
// Of the tiles that are computed together: they stay in the second-level cache.
#if defined(ASSAY_ISA_avx512)
inline constexpr std::int64_t kTileBytes = 640 * 1024;
#else
inline constexpr std::int64_t kTileBytes = 192 * 1024;
#endif
// From the matrix of one ξ to the next, so that a tile's 36 vectors do not fall into one cache set.
template <class T>
inline constexpr std::int64_t spaced(std::int64_t elements) {
  return round_up(elements, kRowGap<T>) + kRowGap<T>;
}

// Bᵀ x of six values `step` apart, to values one apart.
template <class T>
struct OfData {
  ASSAY_INLINE void operator()(const Vec<T>* x, std::int64_t step, Vec<T>* y) const {
    const Vec<T> x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step],
                 x5 = x[5 * step];
    const auto both = splat(static_cast<T>(kP * kP * kQ * kQ)),
               sum = splat(static_cast<T>(-(kP * kP + kQ * kQ)));
    const auto pp = splat(static_cast<T>(-kP * kP)), qq = splat(static_cast<T>(-kQ * kQ));
    // t⁴ − q² t² ± p (t³ − q² t), and the same of the other pair.
    const Vec<T> even_p = multiply_add(qq, x2, x4),
                 odd_p = splat(static_cast<T>(kP)) * multiply_add(qq, x1, x3);
    const Vec<T> even_q = multiply_add(pp, x2, x4),
                 odd_q = splat(static_cast<T>(kQ)) * multiply_add(pp, x1, x3);
    y[0] = multiply_add(both, x0, multiply_add(sum, x2, x4));
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = multiply_add(both, x1, multiply_add(sum, x3, x5));
  }
};

// G w of three values.
template <class T>
struct OfFilter {
  ASSAY_INLINE void operator()(const Vec<T>* w, std::int64_t step, Vec<T>* y) const {
    const Vec<T> w0 = w[0], w1 = w[step], w2 = w[2 * step];
    const auto times = [](double factor, Vec<T> x) { return splat(static_cast<T>(factor)) * x; };
    const Vec<T> even_p = multiply_add(splat(static_cast<T>(kAtP * kP * kP)), w2, times(kAtP, w0)),
                 odd_p = times(kAtP * kP, w1);
    const Vec<T> even_q = multiply_add(splat(static_cast<T>(kAtQ * kQ * kQ)), w2, times(kAtQ, w0)),
                 odd_q = times(kAtQ * kQ, w1);
    y[0] = times(kAtZero, w0);
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = w2;
  }
};

// D A y of four values: the cotangents of results, for the weights.
template <class T>
struct OfCotangent {
  ASSAY_INLINE void operator()(const Vec<T>* x, std::int64_t step, Vec<T>* y) const {
    const Vec<T> x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step];
    const auto times = [](double factor, Vec<T> v) { return splat(static_cast<T>(factor)) * v; };
    const auto plus = [](double factor, Vec<T> v, Vec<T> sum) {
      return multiply_add(splat(static_cast<T>(factor)), v, sum);
    };
    const Vec<T> even_p = plus(kAtP * kP * kP, x2, times(kAtP, x0)),
                 odd_p = plus(kAtP * kP * kP * kP, x3, times(kAtP * kP, x1));
    const Vec<T> even_q = plus(kAtQ * kQ * kQ, x2, times(kAtQ, x0)),
                 odd_q = plus(kAtQ * kQ * kQ * kQ, x3, times(kAtQ * kQ, x1));
    y[0] = times(kAtZero, x0);
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = x3;
  }
};

// Vᵀ m of six values: the gradient by three weights.
template <class T>
struct OfGradient {
  ASSAY_INLINE void operator()(const Vec<T>* m, std::int64_t step, Vec<T>* y) const {
    const Vec<T> even_p = m[step] + m[2 * step], odd_p = m[step] - m[2 * step];
    const Vec<T> even_q = m[3 * step] + m[4 * step], odd_q = m[3 * step] - m[4 * step];
    const auto power = [](double x) { return splat(static_cast<T>(x)); };
    y[0] = m[0] + even_p + even_q;
    y[1] = multiply_add(power(kQ), odd_q, power(kP) * odd_p);
    y[2] = multiply_add(power(kQ * kQ), even_q, multiply_add(power(kP * kP), even_p, m[5 * step]));
  }
};

// Aᵀ m of six values.
template <class T>
struct OfResult {
  ASSAY_INLINE void operator()(const Vec<T>* m, std::int64_t step, Vec<T>* y) const {
    const Vec<T> even_p = m[step] + m[2 * step], odd_p = m[step] - m[2 * step];
    const Vec<T> even_q = m[3 * step] + m[4 * step], odd_q = m[3 * step] - m[4 * step];
    const auto power = [](double x) { return splat(static_cast<T>(x)); };
    y[0] = m[0] + even_p + even_q;
    y[1] = multiply_add(power(kQ), odd_q, power(kP) * odd_p);
    y[2] = multiply_add(power(kQ * kQ), even_q, power(kP * kP) * even_p);
    y[3] = multiply_add(power(kQ * kQ * kQ), odd_q, multiply_add(power(kP * kP * kP), odd_p, m[5 * step]));
  }
};

// C X Cᵀ, where `transform` maps `From` values to `To`: store(i, j, element).
template <class T, int From, int To, class Transform, class Store>
ASSAY_INLINE void both_ways(const Vec<T> (&x)[From * From], const Transform& transform,
                            const Store& store_at) {
  Vec<T> half[From * To], whole[To];
  for (int j = 0; j < From; ++j) transform(x + j, From, half + j * To);  // half[j][i] = (C X)[i][j]
  for (int i = 0; i < To; ++i) {
    transform(half + i, To, whole);
    for (int j = 0; j < To; ++j) store_at(i, j, whole[j]);
  }
}

/// Elements of a strip: `rows` rows of an image, [pixel][channel], behind a vector of zeros.
template <class T>
constexpr std::int64_t strip_elements(std::int64_t rows, std::int64_t width) {
  return (rows * width + 1) * kLanes<T>;
}

/// A row of tiles of `Extent` × `Extent` pixels, kOutputs apart, of a vector of channels.
template <class T>
struct TileRow {
  const T* planes;  ///< of the first channel; its image
  std::int64_t channels, height, width;
  std::int64_t top, left;  ///< of the first tile; what lies outside the image is zero
  std::int64_t tiles;
};

/// The transform of every tile: element ξ of tile t, a vector, at to[ξ * step + t * tile_step].
template <class T, int Extent, class Transform>
void transform_tiles(const TileRow<T>& row, const Transform& transform, T* strip, T* to,
                     std::int64_t tile_step, std::int64_t step) {
  const std::int64_t width = row.width, plane = row.height * width;
  const Range inside{smaller(larger(row.top, 0), row.height),
                     larger(0, smaller(row.top + Extent, row.height))};
  T* const pixels = strip + kLanes<T>;
  store(strip, Vec<T>{});
  if (inside.begin < inside.end)
    transpose_block(row.planes + inside.begin * width, plane, row.channels,
                    (inside.end - inside.begin) * width, pixels, kLanes<T>, kLanes<T>);
  for (std::int64_t tile = 0; tile < row.tiles; ++tile, to += tile_step) {
    const std::int64_t left = row.left + tile * kOutputs;
    Vec<T> x[Extent * Extent];
    for (std::int64_t i = 0; i < Extent; ++i) {
      const std::int64_t r = row.top + i;
      const bool has_row = r >= inside.begin && r < inside.end;
      const std::int64_t line = (r - inside.begin) * width;
      for (std::int64_t j = 0; j < Extent; ++j) {
        const bool has_pixel = has_row && left + j >= 0 && left + j < width;
        x[i * Extent + j] = load(has_pixel ? pixels + (line + left + j) * kLanes<T> : strip);
      }
    }
    both_ways<T, Extent, kAlpha>(x, transform,
                                 [&](int i, int j, Vec<T> z) { store(to + (i * kAlpha + j) * step, z); });
  }
}

}  // namespace assay::openmp::ASSAY_ISA
