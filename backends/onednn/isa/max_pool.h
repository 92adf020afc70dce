// Declarations of max_pool.cc, in the namespace of the instruction set that is being compiled for.
#pragma once

#include "backends/onednn/isa/loops.h"

namespace assay::onednn::ASSAY_ISA {

void max_pool(const MaxPooling& p, const float* x, float* y, std::int32_t* index) noexcept;
void max_pool_grad(const MaxPooling& p, const float* dy, const std::int32_t* index, const float* gate,
                   float* dx) noexcept;

}  // namespace assay::onednn::ASSAY_ISA
