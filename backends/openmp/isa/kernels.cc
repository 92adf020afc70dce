// The table of one instruction set, put together from the families.
#include "backends/openmp/kernels.h"

#include "backends/openmp/isa/families.h"

namespace assay::openmp::ASSAY_ISA {

template <class T>
Kernels<T> kernels() {
  Kernels<T> table{};
  add_activations(table);
  add_conv(table);
  add_conv_grad_input(table);
  add_conv_grad_weight(table);
  add_dropout(table);
  add_elementwise(table);
  add_gathers(table);
  add_gemm(table);
  add_pools(table);
  add_updates(table);
  add_reductions(table);
  add_losses(table);
  add_softmax(table);
  add_normalizations(table);
  add_movement(table);
  add_winograd(table);
  add_winograd_grad_weight(table);
  return table;
}

template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace assay::openmp::ASSAY_ISA
