// im2col: an image unfolded into a matrix, so that a convolution is a matrix product, Y = W U.
#pragma once

#include <cstdint>

#include "assay/ops/window.h"

namespace assay {

/// U [channels · kh · kw, H'W'] from an image x [channels, H, W]: column (i, j) holds what the window of
/// output pixel (i, j) reads, zeros in the padding; rows are in the order of a weight [O, channels, kh, kw].
template <class T>
void unfold(const Window& window, std::int64_t channels, const T* x, T* u) {
  const auto& [height, width] = window;
  for (std::int64_t c = 0; c < channels; ++c, x += height.input * width.input) {
    for (std::int64_t ki = 0; ki < height.size; ++ki) {
      for (std::int64_t kj = 0; kj < width.size; ++kj) {
        for (std::int64_t i = 0; i < height.output; ++i) {
          const std::int64_t row = height.position(i, ki);
          for (std::int64_t j = 0; j < width.output; ++j) {
            const std::int64_t column = width.position(j, kj);
            const bool inside = row >= 0 && row < height.input && column >= 0 && column < width.input;
            *u++ = inside ? x[row * width.input + column] : T(0);
          }
        }
      }
    }
  }
}

}  // namespace assay
