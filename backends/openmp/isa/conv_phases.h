// The gradient of a convolution by its input, written as convolutions of dy. Along one axis, x position h is
// read by output i through tap k where i·s + k·d − before = h. With u = h + before, t = ⌊u / s⌋ and the phase
// a = u mod s, the taps with k·d ≡ a (mod s) are k = first + m·(s / g), g = gcd(s, d), and tap m reads
// dy at i = t + (a − first·d) / s − m·(d / g). So the positions of one phase, s apart, are the outputs of a
// convolution of stride 1 and dilation d / g, whose taps, taken backwards, read forwards.
#pragma once

#include "backends/openmp/isa/threads.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp::ASSAY_ISA {

/// One phase along one axis.
struct Phase {
  Axis axis;               ///< over dy; no taps where no window reads these positions
  std::int64_t position;   ///< of x, of the phase's output 0; the next ones are a stride apart
  std::int64_t tap, step;  ///< the convolution's tap that is the phase's tap 0, and from one to the next
};

constexpr std::int64_t greatest_common_divisor(std::int64_t a, std::int64_t b) {
  return b == 0 ? a : greatest_common_divisor(b, a % b);
}

/// Phases that have positions, one for each `position` from 0 on.
constexpr std::int64_t phase_count(const Axis& axis) { return smaller(axis.stride, axis.input); }

/// REQUIRES: 0 <= position < phase_count(axis), axis.before >= 0.
inline Phase phase_at(const Axis& axis, std::int64_t position) {
  const std::int64_t s = axis.stride, d = axis.dilation, g = greatest_common_divisor(s, d);
  const std::int64_t t = (position + axis.before) / s, a = (position + axis.before) % s;
  const std::int64_t every = s / g;
  std::int64_t first = 0;
  while (first < smaller(every, axis.taps) && first * d % s != a) ++first;
  Phase phase{};
  phase.position = position;
  phase.axis = {.input = axis.output,
                .output = ceil_div(axis.input - position, s),
                .taps = 0,
                .stride = 1,
                .dilation = d / g,
                .before = 0};
  if (first == smaller(every, axis.taps)) return phase;
  const std::int64_t taps = ceil_div(axis.taps - first, every);
  phase.axis.taps = taps;
  phase.axis.before = (taps - 1) * (d / g) - t - (a - first * d) / s;
  phase.tap = first + (taps - 1) * every;
  phase.step = -every;
  return phase;
}

}  // namespace assay::openmp::ASSAY_ISA
