// im2col and col2im: an image unfolded into a matrix, so that a convolution is a matrix product, Y = W U, and
// such a matrix folded into an image, which is the transpose of unfolding: what its derivative needs.
#pragma once

#include <cstdint>

#include "assay/ops/window.h"

namespace assay {

/// Calls f(u, x) for each element of U [channels · kh · kw, H'W'] in row-major order, with its offset in U
/// and that of the element of the image x [channels, H, W] that it stands for, or −1 in the padding. Column
/// (i, j) of U is what the window of output pixel (i, j) reads; rows are in the order of a weight [O,
/// channels, kh, kw].
template <class F>
void for_each_unfolded(const Window& window, std::int64_t channels, F f) {
  const auto& [height, width] = window;
  std::int64_t u = 0, plane = 0;
  for (std::int64_t c = 0; c < channels; ++c, plane += height.input * width.input) {
    for (std::int64_t ki = 0; ki < height.size; ++ki) {
      for (std::int64_t kj = 0; kj < width.size; ++kj) {
        for (std::int64_t i = 0; i < height.output; ++i) {
          const std::int64_t row = height.position(i, ki);
          for (std::int64_t j = 0; j < width.output; ++j) {
            const std::int64_t column = width.position(j, kj);
            const bool inside = row >= 0 && row < height.input && column >= 0 && column < width.input;
            f(u++, inside ? plane + row * width.input + column : -1);
          }
        }
      }
    }
  }
}

/// U from x, zeros in the padding.
template <class T>
void unfold(const Window& window, std::int64_t channels, const T* x, T* u) {
  for_each_unfolded(window, channels,
                    [=](std::int64_t to, std::int64_t from) { u[to] = from < 0 ? T(0) : x[from]; });
}

/// x += the sum of those elements of U that each element of x was unfolded into.
template <class T>
void fold(const Window& window, std::int64_t channels, const T* u, T* x) {
  for_each_unfolded(window, channels, [=](std::int64_t from, std::int64_t to) {
    if (to >= 0) x[to] += u[from];
  });
}

}  // namespace assay
