// Kernels for a backend that has a matrix product: linear, matmul, conv2d and the two gradients of conv2d, in
// f32 and f64, all made of one function. Convolutions are products by im2col.
//
//   registry.add_backend(table_backend("mine", "products by my library"));
//   add_gemm_kernels(registry, "mine", []<class T>(const MatrixProduct<T>& p) { ... });
#pragma once

#include <algorithm>
#include <limits>
#include <string>

#include "assay/program/float_offer.h"
#include "assay/program/matmul_products.h"
#include "assay/program/unfold.h"
#include "assay/registry/registry.h"

namespace assay {

/// C = op(A) op(B), or C += op(A) op(B). All three are row-major and dense: C [m, n], op(A) [m, k], op(B)
/// [k, n], where op transposes what is stored transposed. Every extent is positive.
template <class T>
struct MatrixProduct {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  bool accumulate;  ///< add to what C holds; else C holds nothing yet and is not read
  const T* a;
  const T* b;
  T* c;

  /// From row to row of A, B and C as they are stored: BLAS's lda, ldb and ldc.
  std::int64_t row_of_a() const { return transpose_a ? m : k; }
  std::int64_t row_of_b() const { return transpose_b ? k : n; }
  std::int64_t row_of_c() const { return n; }
};

namespace gemm_detail {

// What `function` is not asked for: products that are empty, or sums of nothing.
template <class T, class Function>
void multiply(const Function& function, const MatrixProduct<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (p.k > 0)
    function(p);
  else if (!p.accumulate)
    std::fill_n(p.c, p.m * p.n, T(0));
}

// What every rule is made from.
template <class Function>
struct Maker {
  std::string backend;
  Function function;
  std::int64_t largest;

  template <class Run>
  Offer plan(const char* how, std::int64_t m, std::int64_t n, std::int64_t k, Run run) const {
    if (std::max({m, n, k}) > largest)
      return Refusal{backend + " multiplies matrices of at most " + std::to_string(largest) +
                     " rows and columns"};
    return make_plan(backend + "." + how, std::move(run));
  }
};

template <class T, class Function>
Offer offer_linear(const Maker<Function>& make,
                   const Site& site) {  // Z = X Wᵀ + b: Z starts as b in every row
  const Shape &x = site.input(0).shape, &w = site.input(1).shape;
  const std::int64_t rows = x.count(0, x.rank() - 1), outputs = w[0], inputs = w[1];
  const bool biased = site.inputs.size() == 3;
  return make.plan("gemm", rows, outputs, inputs, [=, gemm = make.function](const Io& io) {
    T* z = io.out<T>(0);
    for (std::int64_t i = 0; biased && i < rows; ++i) std::copy_n(io.in<T>(2), outputs, z + i * outputs);
    multiply<T>(gemm, {rows, outputs, inputs, false, true, biased, io.in<T>(0), io.in<T>(1), z});
  });
}

template <class T, class Function>
Offer offer_matmul(const Maker<Function>& make, const Site& site) {
  const MatmulProducts all = matmul_products(site);
  return make.plan("gemm", all.m, all.n, all.k, [all, gemm = make.function](const Io& io) {
    T* c = io.out<T>(0);
    for (const MatmulProducts::Offsets& at : all.offsets) {
      multiply<T>(gemm, {all.m, all.n, all.k, all.transpose_a, all.transpose_b, false, io.in<T>(0) + at.a,
                         io.in<T>(1) + at.b, c});
      c += all.m * all.n;
    }
  });
}

// A convolution as one product per image and group: with U [taps, pixels] the image unfolded and W [filters,
// taps], Y = W U, ∂W = ∂Y Uᵀ summed over the images, and ∂U = Wᵀ ∂Y, which is folded into ∂x.
struct Convolution {
  Window window;
  std::int64_t images, groups, channels, filters;  // channels and filters of one group
  std::int64_t taps, pixels;
  std::int64_t x, w, y;  // elements of one group of an image, of the weight and of a result
  bool is_unfolded;      // the image is its own unfolding

  Convolution(const Shape& x_shape, const Shape& weight, const Fields& fields);
  std::size_t scratch_elements() const { return is_unfolded ? 0 : static_cast<std::size_t>(taps * pixels); }
  template <class T>
  const T* unfolded(const T* image, void* scratch) const {
    if (is_unfolded) return image;
    unfold(window, channels, image, static_cast<T*>(scratch));
    return static_cast<const T*>(scratch);
  }
};

template <class T>
Offer with_scratch(Offer offer, const Convolution& conv) {
  if (Plan* plan = std::get_if<Plan>(&offer)) plan->scratch_bytes = conv.scratch_elements() * sizeof(T);
  return offer;
}

template <class T, class Function>
Offer offer_conv2d(const Maker<Function>& make, const Site& site) {
  const Convolution v(site.input(0).shape, site.input(1).shape, site.fields());
  const bool biased = site.inputs.size() == 3;
  return with_scratch<T>(
      make.plan("im2col_gemm", v.filters, v.pixels, v.taps,
                [v, biased, gemm = make.function](const Io& io) {
                  for (std::int64_t i = 0; i < v.images * v.groups; ++i) {
                    const std::int64_t group = i % v.groups;
                    T* y = io.out<T>(0) + i * v.y;
                    for (std::int64_t o = 0; biased && o < v.filters; ++o)
                      std::fill_n(y + o * v.pixels, v.pixels, io.in<T>(2)[group * v.filters + o]);
                    multiply<T>(gemm,
                                {v.filters, v.pixels, v.taps, false, false, biased, io.in<T>(1) + group * v.w,
                                 v.unfolded(io.in<T>(0) + i * v.x, io.scratch), y});
                  }
                }),
      v);
}

template <class T, class Function>
Offer offer_conv2d_grad_input(const Maker<Function>& make, const Site& site) {
  const Convolution v(site.output().shape, site.input(1).shape, site.fields());
  return with_scratch<T>(
      make.plan("gemm_col2im", v.taps, v.pixels, v.filters,
                [v, gemm = make.function](const Io& io) {
                  for (std::int64_t i = 0; i < v.images * v.groups; ++i) {
                    T* dx = io.out<T>(0) + i * v.x;
                    T* du = v.is_unfolded ? dx : static_cast<T*>(io.scratch);
                    multiply<T>(gemm, {v.taps, v.pixels, v.filters, true, false, false,
                                       io.in<T>(1) + i % v.groups * v.w, io.in<T>(0) + i * v.y, du});
                    if (v.is_unfolded) continue;
                    std::fill_n(dx, v.x, T(0));
                    fold(v.window, v.channels, du, dx);
                  }
                }),
      v);
}

template <class T, class Function>
Offer offer_conv2d_grad_weight(const Maker<Function>& make, const Site& site) {
  const Convolution v(site.input(1).shape, site.output().shape, site.fields());
  return with_scratch<T>(
      make.plan("im2col_gemm", v.filters, v.taps, v.pixels,
                [v, gemm = make.function](const Io& io) {
                  std::fill_n(io.out<T>(0), v.groups * v.w, T(0));
                  for (std::int64_t i = 0; i < v.images * v.groups; ++i) {
                    multiply<T>(gemm, {v.filters, v.taps, v.pixels, false, true, true, io.in<T>(0) + i * v.y,
                                       v.unfolded(io.in<T>(1) + i * v.x, io.scratch),
                                       io.out<T>(0) + i % v.groups * v.w});
                  }
                }),
      v);
}

}  // namespace gemm_detail

/// Registers the five kernels for `backend`. `function` is a callable with a template operator()<T>(const
/// MatrixProduct<T>&) for float and double: it is called from several threads, allocates nothing and throws
/// nothing. Products with an extent above `largest` are refused: a BLAS with 32-bit integers takes at most
/// 2^31 − 1.
template <class Function>
void add_gemm_kernels(Registry& registry, const std::string& backend, Function function,
                      std::int64_t largest = std::numeric_limits<std::int64_t>::max()) {
  const gemm_detail::Maker<Function> make{backend, std::move(function), largest};
  const auto add = [&](const char* op, auto offer) {
    registry.add_kernel(backend, op, for_f32_and_f64(offer));
  };
  add("linear", [make]<class T>(const Site& site) { return gemm_detail::offer_linear<T>(make, site); });
  add("matmul", [make]<class T>(const Site& site) { return gemm_detail::offer_matmul<T>(make, site); });
  add("conv2d", [make]<class T>(const Site& site) { return gemm_detail::offer_conv2d<T>(make, site); });
  add("conv2d_grad_input",
      [make]<class T>(const Site& site) { return gemm_detail::offer_conv2d_grad_input<T>(make, site); });
  add("conv2d_grad_weight",
      [make]<class T>(const Site& site) { return gemm_detail::offer_conv2d_grad_weight<T>(make, site); });
}

}  // namespace assay
