// The families of kernels: each file fills in its part of a table (kernels.cc puts them together).
#pragma once

#include "backends/openmp/kernels.h"

namespace assay::openmp::ASSAY_ISA {

template <class T>
void add_activations(Kernels<T>& kernels);
template <class T>
void add_conv(Kernels<T>& kernels);
template <class T>
void add_conv_grad_input(Kernels<T>& kernels);
template <class T>
void add_conv_grad_weight(Kernels<T>& kernels);
template <class T>
void add_dropout(Kernels<T>& kernels);
template <class T>
void add_elementwise(Kernels<T>& kernels);
template <class T>
void add_gathers(Kernels<T>& kernels);
template <class T>
void add_gemm(Kernels<T>& kernels);
template <class T>
void add_losses(Kernels<T>& kernels);
template <class T>
void add_movement(Kernels<T>& kernels);
template <class T>
void add_normalizations(Kernels<T>& kernels);
template <class T>
void add_reductions(Kernels<T>& kernels);
template <class T>
void add_softmax(Kernels<T>& kernels);
template <class T>
void add_pools(Kernels<T>& kernels);
template <class T>
void add_updates(Kernels<T>& kernels);
template <class T>
void add_winograd(Kernels<T>& kernels);
template <class T>
void add_winograd_grad_weight(Kernels<T>& kernels);

}  // namespace assay::openmp::ASSAY_ISA
