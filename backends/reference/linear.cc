// Matrix products as sums of products, each output element in the order of its inner index.
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace assay {
namespace {

// z_ij = Σ_k x_ik w_jk + b_j   (article: Z = X Wᵀ + b)
template <class T>
auto linear_loop(const Site& site) {
  const Shape& weight = site.input(1).shape;
  const std::int64_t outputs = weight[0], inputs = weight[1];
  const std::int64_t rows = site.input(0).shape.count(0, site.input(0).shape.rank() - 1);
  const bool biased = site.inputs.size() == 3;
  return [=](const Io& io) {
    const T* x = io.in<T>(0);
    const T* w = io.in<T>(1);
    const T* b = biased ? io.in<T>(2) : nullptr;
    T* z = io.out<T>(0);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < outputs; ++j) {
        T sum = T(0);
        for (std::int64_t k = 0; k < inputs; ++k) sum += x[i * inputs + k] * w[j * inputs + k];
        z[i * outputs + j] = biased ? sum + b[j] : sum;  // the bias last, as the formula is read
      }
    }
  };
}

// c_ij = Σ_k a_ik b_kj, for every matrix of the batch.
template <class T>
auto matmul_loop(const Site& site) {
  const Shape a_shape = site.input(0).shape, b_shape = site.input(1).shape, c_shape = site.output().shape;
  const bool ta = site.fields().boolean("transpose_a"), tb = site.fields().boolean("transpose_b");
  const std::int64_t rows = c_shape[-2], columns = c_shape[-1], inner = a_shape[ta ? -2 : -1];
  const std::int64_t a_row = ta ? 1 : inner, a_inner = ta ? rows : 1;
  const std::int64_t b_inner = tb ? 1 : columns, b_column = tb ? inner : 1;
  // One step of a batch axis, counted in whole matrices.
  const auto batch_of = [](const Shape& shape) {
    return Shape(shape.extents().first(static_cast<std::size_t>(shape.rank() - 2)));
  };
  const Shape batch = batch_of(c_shape);
  const std::array<reference::Strides, 2> strides{reference::broadcast_strides(batch_of(a_shape), batch),
                                                  reference::broadcast_strides(batch_of(b_shape), batch)};
  return [=](const Io& io) {
    reference::walk(batch, strides, [&](std::int64_t m, const auto& at) {
      const T* a = io.in<T>(0) + at[0] * rows * inner;
      const T* b = io.in<T>(1) + at[1] * inner * columns;
      T* c = io.out<T>(0) + m * rows * columns;
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          T sum = T(0);
          for (std::int64_t k = 0; k < inner; ++k)
            sum += a[i * a_row + k * a_inner] * b[k * b_inner + j * b_column];
          c[i * columns + j] = sum;
        }
      }
    });
  };
}

}  // namespace

void add_linear_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("linear",
              for_every_scalar<Scalars::all>([]<class T>(const Site& site) { return linear_loop<T>(site); }),
              owner);
  kernels.add("matmul",
              for_every_scalar<Scalars::all>([]<class T>(const Site& site) { return matmul_loop<T>(site); }),
              owner);
}

}  // namespace assay
