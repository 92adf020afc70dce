// A BLAS as a backend: linear, matmul, and conv2d by im2col, in f32 and f64, each by ?gemm.
#include <assay/plugin.h>
#include <cblas.h>

#include <algorithm>

using namespace assay;

namespace {

struct Matrix {
  std::int64_t rows, columns;  // as it is stored
  bool transposed = false;
};

// C = op(A) op(B) + C.
template <class T>
void gemm(Matrix a, const T* pa, Matrix b, const T* pb, T* c) {
  const auto n = static_cast<blasint>(b.transposed ? b.rows : b.columns);
  const auto [m, k] = a.transposed ? std::pair(a.columns, a.rows) : std::pair(a.rows, a.columns);
  const auto ta = a.transposed ? CblasTrans : CblasNoTrans, tb = b.transposed ? CblasTrans : CblasNoTrans;
  const auto lda = static_cast<blasint>(a.columns), ldb = static_cast<blasint>(b.columns);
  if (m == 0 || n == 0 || k == 0) return;
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, pa, lda, pb, ldb, 1, c, n);
  else
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, pa, lda, pb, ldb, 1, c, n);
}

template <class T>
Offer offer_linear(const Site& site) {  // Z = X Wᵀ + b: Z starts as b in every row
  const Shape &x = site.input(0).shape, &w = site.input(1).shape;
  const Matrix input{x.count(0, x.rank() - 1), w[1]}, weight{w[0], w[1], true};
  return make_plan("blas.gemm", [=, biased = site.inputs.size() == 3](const Io& io) {
    for (std::int64_t i = 0; i < input.rows * weight.rows; ++i)
      io.out<T>(0)[i] = biased ? io.in<T>(2)[i % weight.rows] : T(0);
    gemm(input, io.in<T>(0), weight, io.in<T>(1), io.out<T>(0));
  });
}

template <class T>
Offer offer_matmul(const Site& site) {
  const Shape &a = site.input(0).shape, &b = site.input(1).shape;
  if (a.rank() != 2 || b.rank() != 2) return Refusal{"blas: one product, not a batch of them"};
  const Matrix left{a[0], a[1], site.fields().boolean("transpose_a")};
  const Matrix right{b[0], b[1], site.fields().boolean("transpose_b")};
  return make_plan("blas.gemm", [=, count = site.output().count()](const Io& io) {
    std::fill_n(io.out<T>(0), count, T(0));
    gemm(left, io.in<T>(0), right, io.in<T>(1), io.out<T>(0));
  });
}

template <class T>
Offer offer_conv2d(const Site& site) {  // Y [O, H'W'] = W [O, C kh kw] U, for each image
  if (site.fields().integer("groups") != 1) return Refusal{"blas: one group of channels alone"};
  const Shape x = site.input(0).shape, w = site.input(1).shape;
  const Window window = convolution_window(x, w[2], w[3], site.fields());
  const Matrix weight{w[0], w.count(1, 4)},
      unfolded{weight.columns, window.height.output * window.width.output};
  Plan plan = make_plan("blas.im2col", [=, biased = site.inputs.size() == 3](const Io& io) {
    T* y = io.out<T>(0);
    for (std::int64_t n = 0; n < x[0]; ++n, y += weight.rows * unfolded.columns) {
      unfold(window, x[1], io.in<T>(0) + n * x.count(1, 4), static_cast<T*>(io.scratch));
      for (std::int64_t o = 0; o < weight.rows; ++o)
        std::fill_n(y + o * unfolded.columns, unfolded.columns, biased ? io.in<T>(2)[o] : T(0));
      gemm(weight, io.in<T>(1), unfolded, static_cast<const T*>(io.scratch), y);
    }
  });
  plan.scratch_bytes = static_cast<std::size_t>(unfolded.rows * unfolded.columns) * sizeof(T);
  return plan;
}

}  // namespace

ASSAY_PLUGIN("blas", "1.0", registry) {
  registry.add_backend(
      table_backend("blas", "OpenBLAS: products, and convolutions as products", openblas_get_config()));
  registry.add_kernel("blas", "linear",
                      for_f32_and_f64([]<class T>(const Site& s) { return offer_linear<T>(s); }));
  registry.add_kernel("blas", "matmul",
                      for_f32_and_f64([]<class T>(const Site& s) { return offer_matmul<T>(s); }));
  registry.add_kernel("blas", "conv2d",
                      for_f32_and_f64([]<class T>(const Site& s) { return offer_conv2d<T>(s); }));
}
