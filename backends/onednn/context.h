// What every kernel of the oneDNN backend is planned with, and the load list of its kernels.
#pragma once

#include <dnnl.hpp>
#include <memory>

#include "assay/program/kernel_table.h"
#include "backends/onednn/layout.h"

namespace assay::onednn {

/// Owned by the backend, which outlives its rules; plans and kernels hold copies of what they need.
struct Context {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  int threads = 1;        ///< of the site that is being planned
  bool winograd = false;  ///< convolutions may rewrite their algebra
  LayoutTable layouts;
};

/// Whether the library's code runs with fused multiply-add (from AVX2 on).
bool has_fused_multiply_add();

/// The library's function for an activation, where it is accurate: for fusing it into a product or a
/// convolution.
std::optional<Eltwise> activation_of(const SiteOp& op);
/// Why it is not fused, where there is none.
Refusal refuse_activation(const SiteOp& op);

// Each adds the rules of one family of ops. They refer to the context.
void add_linear_kernels(KernelTable& kernels, Context& context);
void add_convolution_kernels(KernelTable& kernels, Context& context);
void add_pooling_kernels(KernelTable& kernels, Context& context);
void add_normalization_kernels(KernelTable& kernels, Context& context);
void add_softmax_kernels(KernelTable& kernels, Context& context);
void add_eltwise_kernels(KernelTable& kernels, Context& context);
void add_binary_kernels(KernelTable& kernels, Context& context);
void add_reduction_kernels(KernelTable& kernels, Context& context);
void add_movement_kernels(KernelTable& kernels, Context& context);
void add_update_kernels(KernelTable& kernels, Context& context);

}  // namespace assay::onednn
