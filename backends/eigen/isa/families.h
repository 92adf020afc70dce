// The families of kernels: each file fills in its part of a table (kernels.cc puts them together).
#pragma once

#include "backends/eigen/isa/kernels.h"

namespace assay::eigen::ASSAY_ISA {

template <class T>
void add_convolutions(Kernels<T>& table);
template <class T>
void add_functions(Kernels<T>& table);
template <class T>
void add_elementwise(Kernels<T>& table);
template <class T>
void add_movement(Kernels<T>& table);
template <class T>
void add_pools(Kernels<T>& table);
template <class T>
void add_normalization(Kernels<T>& table);
template <class T>
void add_softmax(Kernels<T>& table);
template <class T>
void add_updates(Kernels<T>& table);

}  // namespace assay::eigen::ASSAY_ISA
