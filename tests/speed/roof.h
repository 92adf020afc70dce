// What the machine can do at most, measured: the roof under which kernels are seen (Williams, Waterman and
// Patterson 2009, "Roofline").
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>

namespace assay::speed {

/// Multiply-adds per second of a loop over registers alone, in f32.
double peak_multiply_adds(int threads, clockid_t clock);

/// Which arrays a loop streams through; the roof of a kernel is the loop that does as it does, since a line
/// that is written but not read is fetched nevertheless, uncounted.
enum class Stream : std::uint8_t {
  copy,   ///< a = b
  triad,  ///< a = b + s c (McCalpin's STREAM)
  onto,   ///< a = a + s b
};

/// Bytes per second, of those that the loop's formula reads and writes, on arrays of so many floats.
double peak_bandwidth(Stream stream, std::int64_t floats, int threads, clockid_t clock);

}  // namespace assay::speed
