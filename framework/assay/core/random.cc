#include "assay/core/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace assay {
namespace {

double unit(std::uint32_t high, std::uint32_t low) noexcept {
  const std::uint64_t bits = (static_cast<std::uint64_t>(high) << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

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

double random_uniform(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                      std::uint32_t element) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  return unit(bits[0], bits[1]);
}

double random_normal(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                     std::uint32_t element) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit(bits[0], bits[1])));
  return radius * std::cos(2.0 * std::numbers::pi * unit(bits[2], bits[3]));
}

std::uint32_t random_below(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                           std::uint32_t element, std::uint32_t bound) noexcept {
  const auto bits = random_bits(stream, step, sample, element);
  // The high 32 bits of (64 random bits) · bound, in two halves.
  const std::uint64_t low = (static_cast<std::uint64_t>(bits[1]) * bound) >> 32;
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits[0]) * bound + low) >> 32);
}

}  // namespace assay
