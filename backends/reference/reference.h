// The reference backend: plain scalar loops, one per op, in the order of the formula. It is the executable
// definition of every op on every dtype, shares no loop with any other backend, and is where every fallback
// ends.
#pragma once

#include <string_view>

#include "assay/program/kernel_table.h"

namespace assay {

struct BackendDef;  // registry/registry.h, which no kernel needs
BackendDef reference_backend();

void add_elementwise_kernels(KernelTable& kernels, std::string_view owner);
void add_activation_kernels(KernelTable& kernels, std::string_view owner);
void add_linear_kernels(KernelTable& kernels, std::string_view owner);
void add_reduce_kernels(KernelTable& kernels, std::string_view owner);
void add_movement_kernels(KernelTable& kernels, std::string_view owner);
void add_conv_kernels(KernelTable& kernels, std::string_view owner);
void add_pool_kernels(KernelTable& kernels, std::string_view owner);
void add_normalize_kernels(KernelTable& kernels, std::string_view owner);
void add_softmax_kernels(KernelTable& kernels, std::string_view owner);
void add_dropout_kernels(KernelTable& kernels, std::string_view owner);
void add_loss_kernels(KernelTable& kernels, std::string_view owner);
void add_update_kernels(KernelTable& kernels, std::string_view owner);

}  // namespace assay
