// The table of one instruction set, put together from the families.
#include "backends/eigen/isa/kernels.h"

#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/gemm.h"

#define ASSAY_EIGEN_TEXT(text) #text
#define ASSAY_EIGEN_ISA_NAME(isa) ASSAY_EIGEN_TEXT(isa)

namespace assay::eigen::ASSAY_ISA {

template <class T>
Kernels<T> kernels() {
  Kernels<T> table{};
  table.isa = ASSAY_EIGEN_ISA_NAME(ASSAY_ISA);
  table.plan_gemm = plan_gemm<T>;
  table.gemm = gemm<T>;
  table.fill_rows = fill_rows<T>;
  add_convolutions(table);
  add_functions(table);
  add_elementwise(table);
  add_movement(table);
  add_pools(table);
  add_normalization(table);
  add_softmax(table);
  add_updates(table);
  return table;
}

template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace assay::eigen::ASSAY_ISA
