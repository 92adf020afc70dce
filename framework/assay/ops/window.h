// The window that convolution and pooling slide over an image: how positions of the output, taps of the
// window and positions of the input belong together. For shape rules and for kernels.
#pragma once

#include <cstdint>
#include <string_view>

#include "assay/core/shape.h"
#include "assay/graph/fields.h"

namespace assay {

/// One axis of a window. Tap k of output o reads input position o·stride + k·dilation − before; a position
/// outside [0, input) lies in the padding, which holds zeros.
struct WindowAxis {
  std::int64_t input = 0;     ///< extent of the image
  std::int64_t output = 0;    ///< number of windows
  std::int64_t size = 1;      ///< taps of the window
  std::int64_t stride = 1;    ///< from window to window
  std::int64_t dilation = 1;  ///< from tap to tap
  std::int64_t before = 0;    ///< padding at the top or the left
  std::int64_t after = 0;     ///< padding at the bottom or the right

  std::int64_t position(std::int64_t o, std::int64_t k) const { return o * stride + k * dilation - before; }
  /// Input positions from the first tap to the last, both included.
  std::int64_t span() const { return (size - 1) * dilation + 1; }
};

struct Window {
  WindowAxis height;
  WindowAxis width;
};

/// The window of a convolution over x [N, C, H, W]; fields stride, padding, dilation. A window may lie wholly
/// in the padding. Throws Error where no window fits into the padded image.
Window convolution_window(const Shape& x, std::int64_t kernel_height, std::int64_t kernel_width,
                          const Fields& fields);

/// The window of a pooling over x [N, C, H, W]; fields size, stride, padding. Throws Error where no window
/// fits, and where a window would lie wholly in the padding: it has neither a maximum nor an average.
Window pooling_window(const Shape& x, const Fields& fields);

/// The definitions of the fields that both have.
FieldDef stride_field();
FieldDef padding_field();

}  // namespace assay
