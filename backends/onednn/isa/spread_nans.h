// Declarations of spread_nans.cc, in the namespace of the instruction set that is being compiled for.
#pragma once

#include "backends/onednn/isa/loops.h"

namespace assay::onednn::ASSAY_ISA {

void spread_nans(const Lines& lines, const float* x, float* y) noexcept;

}  // namespace assay::onednn::ASSAY_ISA
