// Declarations of batch_norm_grad.cc, in the namespace of the instruction set that is being compiled for.
#pragma once

#include "backends/onednn/isa/loops.h"

namespace assay::onednn::ASSAY_ISA {

void gated_batch_norm_grad(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
                           const float* weight, const float* mean, const float* variance, float* dx,
                           float* dweight, float* dbias, float* scratch) noexcept;

}  // namespace assay::onednn::ASSAY_ISA
