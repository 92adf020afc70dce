// Philox4x32-10 (Salmon et al. 2011), as framework/assay/core/random.h draws it, for neighbouring elements at
// once: a draw in every 64-bit lane.
#pragma once

#include <utility>

#include "backends/openmp/isa/simd.h"

namespace assay::openmp::ASSAY_ISA {

using Wide = Vec<std::uint64_t>;

// Draws of one call, and the words that they yield.
inline constexpr int kDraws = kLanes<std::uint64_t>;
inline constexpr int kDrawnWords = 4 * kDraws;

/// Products of the lower halves of the lanes.
ASSAY_INLINE Wide multiply_halves(Wide a, Wide b) {
#if defined(ASSAY_ISA_avx512)
  return (Wide)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(ASSAY_ISA_avx2)
  return (Wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

/// What the draws of one sample have in common.
struct PhiloxKey {
  std::uint32_t seed_low, seed_high;
  std::uint32_t stream, step, sample;
};

template <int... Draw>
ASSAY_INLINE void store_words(Wide pair01, Wide pair23, std::uint32_t* words,
                              std::integer_sequence<int, Draw...>) {
  constexpr int half = kDraws / 2;
  const Wide first = __builtin_shufflevector(pair01, pair23, (Draw / 2 + Draw % 2 * kDraws)...);
  const Wide second = __builtin_shufflevector(pair01, pair23, (half + Draw / 2 + Draw % 2 * kDraws)...);
  __builtin_memcpy(words, &first, sizeof first);
  __builtin_memcpy(words + kDrawnWords / 2, &second, sizeof second);
}

/// words[4·d + w]: word w of draw `element` + d.
ASSAY_INLINE void draw(const PhiloxKey& key, std::uint32_t element, std::uint32_t* words) {
  Wide c0{}, c1 = Wide{} + key.sample, c2 = Wide{} + key.step, c3 = Wide{} + key.stream;
  for (int d = 0; d < kDraws; ++d) c0[d] = element + static_cast<std::uint32_t>(d);
  std::uint32_t k0 = key.seed_low, k1 = key.seed_high;
  // The upper halves of the lanes hold anything: no product reads them.
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const Wide product0 = multiply_halves(c0, Wide{} + 0xD2511F53u);
    const Wide product1 = multiply_halves(c2, Wide{} + 0xCD9E8D57u);
    c0 = (product1 >> 32) ^ c1 ^ k0;
    c1 = product1;
    c2 = (product0 >> 32) ^ c3 ^ k1;
    c3 = product0;
  }
  constexpr std::uint64_t lower = 0xFFFFFFFFu;
  store_words((c0 & lower) | (c1 << 32), (c2 & lower) | (c3 << 32), words,
              std::make_integer_sequence<int, kDraws>{});
}

}  // namespace assay::openmp::ASSAY_ISA
