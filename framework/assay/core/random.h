// Counter-based random numbers (Philox4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
// 3"). A draw is a pure function of (seed, stream, step, sample, element): there is no generator state to
// save or forget.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay {

/// Which sequence: every use of randomness has a stream of its own.
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
};

/// A stable 32-bit id for a name: "init/dense1.weight", "shuffle", ... (FNV-1a).
std::uint32_t stream_id(std::string_view name) noexcept;

/// 128 random bits: Philox4x32-10 with key = seed and counter = (element, sample, step, stream).
std::array<std::uint32_t, 4> random_bits(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                                         std::uint32_t element) noexcept;

/// 64 random bits as a number: uniform in [0, 1), 53 bits.
double uniform_of(std::uint32_t high, std::uint32_t low) noexcept;

/// uniform_of the first two words of random_bits.
double random_uniform(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                      std::uint32_t element) noexcept;

/// Standard normal, by Box and Muller from two 53-bit uniforms; the same bits on every processor.
double random_normal(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                     std::uint32_t element) noexcept;

/// out[i] = random_normal of element first + i, modulo 2^32; faster than one at a time. Throws Error as
/// selected_isa does.
void random_normals(RandomStream stream, std::uint32_t step, std::uint32_t sample, std::uint32_t first,
                    std::span<double> out);

/// Uniform in [0, bound) by multiply-and-shift of 64 bits (bias below 2^-32; Lemire 2019). REQUIRES: bound >
/// 0.
std::uint32_t random_below(RandomStream stream, std::uint32_t step, std::uint32_t sample,
                           std::uint32_t element, std::uint32_t bound) noexcept;

}  // namespace assay
