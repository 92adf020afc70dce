// Random orders: Fisher and Yates' shuffle (Durstenfeld 1964), a pure function of the stream and the step.
#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <utility>

#include "assay/core/random.h"

namespace assay {

/// Fills `order` with a random permutation of 0, 1, ..., order.size() − 1. REQUIRES: order.size() < 2³¹.
inline void fill_permutation(std::span<std::int32_t> order, RandomStream stream, std::uint32_t step) {
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;) {
    const auto element = static_cast<std::uint32_t>(i);
    std::swap(order[i], order[random_below(stream, step, 0, element, element + 1)]);
  }
}

}  // namespace assay
