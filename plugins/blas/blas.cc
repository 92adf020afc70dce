// A BLAS as a backend: linear, matmul, conv2d and the gradients of conv2d, in f32 and f64, each by ?gemm.
#include <assay/plugin.h>
#include <cblas.h>

#include <limits>
#include <mutex>

using namespace assay;

namespace {

// Programs of several threads may call at once, which OpenBLAS's serial build does not allow.
std::mutex one_at_a_time;

template <class T>
void multiply(const MatrixProduct<T>& p) {
  const std::lock_guard lock(one_at_a_time);
  const auto call = [&](auto gemm) {
    gemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans,
         static_cast<blasint>(p.m), static_cast<blasint>(p.n), static_cast<blasint>(p.k), 1, p.a,
         static_cast<blasint>(p.row_of_a()), p.b, static_cast<blasint>(p.row_of_b()), p.accumulate ? 1 : 0,
         p.c, static_cast<blasint>(p.row_of_c()));
  };
  if constexpr (std::is_same_v<T, float>)
    call(cblas_sgemm);
  else
    call(cblas_dgemm);
}

}  // namespace

ASSAY_PLUGIN("blas", "1.0", registry) {
  registry.add_backend(
      table_backend("blas", "OpenBLAS: products, and convolutions as products", openblas_get_config()));
  add_gemm_kernels(
      registry, "blas", []<class T>(const MatrixProduct<T>& product) { multiply(product); },
      std::numeric_limits<blasint>::max());
}
