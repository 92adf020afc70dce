// What `padding` of a layer stands for: the zeros around an image, as the four numbers that ops take.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "assay/graph/fields.h"
#include "assay/ops/window.h"

namespace assay {

/// Zeros before and after an axis such that it holds ⌈input / stride⌉ windows; an odd one stands after
/// (TensorFlow's SAME: max((⌈input / stride⌉ − 1) · stride + span − input, 0) in all). Reads input, size,
/// stride and dilation.
std::array<std::int64_t, 2> same_padding(const WindowAxis& axis);

/// The field `padding` of a layer as [top, bottom, left, right]. Reads the same of both axes. Throws Error
/// for an image that, padded, is smaller than the window; `window` is what messages call it: "kernel",
/// "pool".
std::vector<std::int64_t> resolve_padding(const FieldValue& padding, const WindowAxis& height,
                                          const WindowAxis& width, std::string_view window);

}  // namespace assay
