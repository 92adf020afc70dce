// Matrix products of the Eigen backend, for the kernels of one instruction set.
#pragma once

#include "backends/eigen/isa/kernels.h"

namespace assay::eigen::ASSAY_ISA {

/// Chooses block sizes; Gemm::scratch_bytes is what gemm() needs.
template <class T>
Gemm plan_gemm(Index m, Index n, Index k, bool transpose_a, bool transpose_b);

/// C += alpha op(A) op(B).
template <class T>
void gemm(const Gemm& p, const T* a, const T* b, T* c, void* scratch, T alpha = 1);

/// Every row of c [rows, columns] becomes `row`; zeros where that is null.
template <class T>
void fill_rows(T* c, Index rows, Index columns, const T* row);

}  // namespace assay::eigen::ASSAY_ISA
