// Two-dimensional convolution (cross-correlation, as in every framework) and its derivatives by either
// operand. The three are closed under differentiation: the derivative of each is made of the other two.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay {

/// x [N, C, H, W], weight [O, C/groups, kh, kw], bias [O] or none → y [N, O, H', W'], where
/// H' = ⌊(H + top + bottom − (kh − 1)·dilation − 1) / stride⌋ + 1 and W' likewise.
/// Fields: stride and dilation [height, width], padding [top, bottom, left, right], groups.
Value conv2d(Value x, Value weight, Value bias = {}, const Fields& fields = {});

/// ∂L/∂x [N, C, H, W] = `input` from dy = ∂L/∂y and the weight; fields as conv2d's.
Value conv2d_grad_input(Value dy, Value weight, const Shape& input, const Fields& fields = {});

/// ∂L/∂weight [O, C/groups, kh, kw] from dy = ∂L/∂y and x; fields as conv2d's.
Value conv2d_grad_weight(Value dy, Value x, std::int64_t kernel_height, std::int64_t kernel_width,
                         const Fields& fields = {});

void register_conv_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
