#include "assay/core/random.h"

#include <Random123/philox.h>

#include "assay/core/isa.h"
#include "assay/core/isa/box_muller.h"
#include "assay/core/isa/normals.h"

namespace assay {
std::uint32_t stream_id(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

std::array<std::uint32_t, 4> random_bits(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                                         std::uint32_t element) noexcept {
  const r123::Philox4x32 philox;
  const r123::Philox4x32::ctr_type counter{{element, sample, step, stream.stream}};
  const r123::Philox4x32::key_type key{
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)}};
  const auto bits = philox(counter, key);
  return {bits[0], bits[1], bits[2], bits[3]};
}

double uniform_of(std::uint32_t high, std::uint32_t low) noexcept { return unit(high, low); }

double random_uniform(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                      std::uint32_t element) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  return unit(bits[0], bits[1]);
}

double random_normal(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                     std::uint32_t element) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  return box_muller(bits[0], bits[1], bits[2], bits[3]);
}

void random_normals(RandomStream stream, std::uint32_t step, std::uint32_t sample, std::uint32_t first,
                    std::span<double> out) {
  switch (selected_isa()) {
#if defined(__x86_64__)
    case Isa::avx512:
      return avx512::normals(stream, step, sample, first, out);
    case Isa::avx2:
      return avx2::normals(stream, step, sample, first, out);
#endif
    default:
      return baseline::normals(stream, step, sample, first, out);
  }
}

std::uint32_t random_below(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                           std::uint32_t element, std::uint32_t bound) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  // The high 32 bits of (64 random bits) · bound, in two halves.
  const std::uint64_t low = (static_cast<std::uint64_t>(bits[1]) * bound) >> 32;
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits[0]) * bound + low) >> 32);
}

}  // namespace assay
