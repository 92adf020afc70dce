// Which part of a window lies in the image: the loops of convolution and pooling run over these ranges, so
// that no element needs a test for the padding.
#pragma once

#include <algorithm>
#include <cstdint>

#include "assay/ops/window.h"

namespace assay::reference {

/// [first, last); empty where last <= first.
struct Range {
  std::int64_t first, last;
  std::int64_t count() const { return std::max<std::int64_t>(last - first, 0); }
};

/// ⌈a / b⌉ for b > 0.
inline std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0); }

/// The taps k of window o with 0 <= o·stride + k·dilation − before < input.
inline Range taps(const WindowAxis& axis, std::int64_t o) {
  const std::int64_t start = axis.position(o, 0);
  return {std::max<std::int64_t>(ceil_divide(-start, axis.dilation), 0),
          std::min(ceil_divide(axis.input - start, axis.dilation), axis.size)};
}

/// The windows o whose tap k lies in the image: the same condition, solved for o.
inline Range windows(const WindowAxis& axis, std::int64_t k) {
  const std::int64_t start = axis.position(0, k);
  return {std::max<std::int64_t>(ceil_divide(-start, axis.stride), 0),
          std::min(ceil_divide(axis.input - start, axis.stride), axis.output)};
}

}  // namespace assay::reference
