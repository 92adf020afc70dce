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

template <class T>
ASSAY_INLINE Vec<T> times(double factor, Vec<T> x) {
  return splat(static_cast<T>(factor)) * x;
}
/// factor · x + sum.
template <class T>
ASSAY_INLINE Vec<T> plus(double factor, Vec<T> x, Vec<T> sum) {
  return multiply_add(splat(static_cast<T>(factor)), x, sum);
}

/// What the two points of a pair ±p have in common: the even and the odd powers of a polynomial at p, or the
/// sum and the difference of what belongs to p and −p.
template <class T>
struct Pair {
  Vec<T> even, odd;
};

/// The values at p, −p, q and −q, to y[1] … y[4].
template <class T>
ASSAY_INLINE void spread(const Pair<T>& of_p, const Pair<T>& of_q, Vec<T>* y) {
  y[1] = of_p.even + of_p.odd;
  y[2] = of_p.even - of_p.odd;
  y[3] = of_q.even + of_q.odd;
  y[4] = of_q.even - of_q.odd;
}
template <class T>
ASSAY_INLINE Pair<T> pair_at(const Vec<T>* m, std::int64_t step, int first) {
  return {m[first * step] + m[(first + 1) * step], m[first * step] - m[(first + 1) * step]};
}

// Bᵀ x of six values `step` apart, to values one apart: t⁴ − q² t² ± p (t³ − q² t), and the same of the other
// pair.
template <class T>
struct OfData {
  ASSAY_INLINE void operator()(const Vec<T>* x, std::int64_t step, Vec<T>* y) const {
    const Vec<T> x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
    spread<T>({plus<T>(-kQ * kQ, x2, x4), times<T>(kP, plus<T>(-kQ * kQ, x1, x3))},
              {plus<T>(-kP * kP, x2, x4), times<T>(kQ, plus<T>(-kP * kP, x1, x3))}, y);
    constexpr double product = kP * kP * kQ * kQ, sum = -(kP * kP + kQ * kQ);
    y[0] = plus<T>(product, x[0], plus<T>(sum, x2, x4));
    y[5] = plus<T>(product, x1, plus<T>(sum, x3, x[5 * step]));
  }
};

// G w of three values.
template <class T>
struct OfFilter {
  ASSAY_INLINE void operator()(const Vec<T>* w, std::int64_t step, Vec<T>* y) const {
    const auto pair = [&](double at, double point) {
      return Pair<T>{plus<T>(at * point * point, w[2 * step], times<T>(at, w[0])),
                     times<T>(at * point, w[step])};
    };
    spread<T>(pair(kAtP, kP), pair(kAtQ, kQ), y);
    y[0] = times<T>(kAtZero, w[0]);
    y[5] = w[2 * step];
  }
};

// D A y of four values: the cotangents of results, for the weights.
template <class T>
struct OfCotangent {
  ASSAY_INLINE void operator()(const Vec<T>* x, std::int64_t step, Vec<T>* y) const {
    const auto pair = [&](double at, double point) {
      return Pair<T>{plus<T>(at * point * point, x[2 * step], times<T>(at, x[0])),
                     plus<T>(at * point * point * point, x[3 * step], times<T>(at * point, x[step]))};
    };
    spread<T>(pair(kAtP, kP), pair(kAtQ, kQ), y);
    y[0] = times<T>(kAtZero, x[0]);
    y[5] = x[3 * step];
  }
};

// Vᵀ m of six values: the gradient by three weights.
template <class T>
struct OfGradient {
  ASSAY_INLINE void operator()(const Vec<T>* m, std::int64_t step, Vec<T>* y) const {
    const Pair<T> of_p = pair_at<T>(m, step, 1), of_q = pair_at<T>(m, step, 3);
    y[0] = m[0] + of_p.even + of_q.even;
    y[1] = plus<T>(kQ, of_q.odd, times<T>(kP, of_p.odd));
    y[2] = plus<T>(kQ * kQ, of_q.even, plus<T>(kP * kP, of_p.even, m[5 * step]));
  }
};

// Aᵀ m of six values.
template <class T>
struct OfResult {
  ASSAY_INLINE void operator()(const Vec<T>* m, std::int64_t step, Vec<T>* y) const {
    const Pair<T> of_p = pair_at<T>(m, step, 1), of_q = pair_at<T>(m, step, 3);
    y[0] = m[0] + of_p.even + of_q.even;
    y[1] = plus<T>(kQ, of_q.odd, times<T>(kP, of_p.odd));
    y[2] = plus<T>(kQ * kQ, of_q.even, times<T>(kP * kP, of_p.even));
    y[3] = plus<T>(kQ * kQ * kQ, of_q.odd, plus<T>(kP * kP * kP, of_p.odd, m[5 * step]));
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
