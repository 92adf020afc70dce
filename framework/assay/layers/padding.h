// Windows that slide over an axis: how many there are, and the zeros that `padding` stands for.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "assay/core/shape.h"
#include "assay/graph/fields.h"

namespace assay {

/// A window on one axis.
struct Window {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;

  /// From its first element to its last: (size − 1) · dilation + 1.
  std::int64_t span() const { return (size - 1) * dilation + 1; }
};

/// Zeros before and after an axis such that it holds ⌈extent / stride⌉ windows; an odd one stands after
/// (TensorFlow's SAME: max((⌈extent / stride⌉ − 1) · stride + span − extent, 0) in all).
std::array<std::int64_t, 2> same_padding(std::int64_t extent, const Window& window);

/// The field `padding` of a layer over images [B, C, H, W] as [top, bottom, left, right]. Throws Error for an
/// image that, padded, is smaller than the window; `window` is what messages call it: "kernel", "pool".
std::vector<std::int64_t> resolve_padding(const FieldValue& padding, const Shape& images,
                                          const Window& vertical, const Window& horizontal,
                                          std::string_view window);

}  // namespace assay
