// Two-dimensional pooling and its derivatives.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

struct MaxPooled {
  Value y;      ///< [N, C, H', W']
  Value index;  ///< i32 [N, C, H', W']: h·W + w of the maximum in its input plane, padding not counted
};

/// The maximum of each window of x [N, C, H, W], with H' = ⌊(H + top + bottom − size) / stride⌋ + 1. Padding
/// is never chosen. Among equals the first in row-major order is; the first NaN of a window is its maximum.
/// Fields: size and stride [height, width], padding [top, bottom, left, right].
MaxPooled max_pool2d(Value x, const Fields& fields);

/// Adds each dy to the element that it was chosen from: ∂L/∂x of shape `input` from dy and max_pool2d's
/// index. REQUIRES: 0 <= index < H·W.
Value max_pool2d_grad(Value dy, Value index, const Shape& input);

/// x at max_pool2d's index: the derivative of max_pool2d_grad by dy. REQUIRES: 0 <= index < H·W.
Value max_pool2d_gather(Value x, Value index);

/// The average of each window of x [N, C, H, W]: over its elements inside the image, or over all of size with
/// the padding's zeros where `count_padding`. Fields: as max_pool2d, and count_padding.
Value avg_pool2d(Value x, const Fields& fields);

/// ∂L/∂x of shape `input` from dy; fields as avg_pool2d's.
Value avg_pool2d_grad(Value dy, const Shape& input, const Fields& fields);

/// The average of each plane: x [N, C, H, W] → [N, C].
Value global_avg_pool(Value x);

void register_pool_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
