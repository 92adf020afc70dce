// Offers for conv2d, with or without an activation behind it, and its two gradients.
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

// The geometry of a convolution from x [N, C, H, W], the weight [O, C/groups, kh, kw] and the result [N, O,
// H', W'].
Convolution geometry(const Fields& fields, const Shape& x, const Shape& weight, const Shape& y) {
  const auto &stride = fields.integers("stride"), &dilation = fields.integers("dilation");
  const auto& padding = fields.integers("padding");
  Convolution p{.images = x[0],
                .channels = x[1],
                .height = x[2],
                .width = x[3],
                .filters = weight[0],
                .kernel_height = weight[2],
                .kernel_width = weight[3],
                .out_height = y[2],
                .out_width = y[3],
                .stride_height = stride[0],
                .stride_width = stride[1],
                .dilation_height = dilation[0],
                .dilation_width = dilation[1],
                .pad_top = padding[0],
                .pad_left = padding[2],
                .groups = fields.integer("groups")};
  const bool padded = padding[0] != 0 || padding[1] != 0 || padding[2] != 0 || padding[3] != 0;
  p.unfolded = p.kernel_height == 1 && p.kernel_width == 1 && stride[0] == 1 && stride[1] == 1 && !padded;
  return p;
}

// The three extents of the products of one image and group.
struct Sizes {
  Index filters, weights, pixels;
  explicit Sizes(const Convolution& p)
      : filters(p.filters / p.groups),
        weights(p.channels / p.groups * p.kernel_height * p.kernel_width),
        pixels(p.out_height * p.out_width) {}
};

template <class T>
std::size_t book_columns(Convolution& p) {
  const Sizes sizes(p);
  if (!p.unfolded)
    p.column_bytes = aligned(static_cast<std::size_t>(sizes.weights * sizes.pixels) * sizeof(T));
  return p.column_bytes + p.gemm.scratch_bytes;
}

template <class T>
Offer offer_conv2d(const Site& site, const Kernels<T>& kernels) {
  const auto activation = fused_activation(site, kernels);
  if (const auto* refusal = std::get_if<Refusal>(&activation)) return *refusal;
  Convolution p = geometry(site.fields(), site.input(0).shape, site.input(1).shape, site.output().shape);
  const Sizes sizes(p);
  p.gemm = kernels.plan_gemm(sizes.filters, sizes.pixels, sizes.weights, false, false);
  const std::size_t scratch = book_columns<T>(p);
  const bool biased = site.ops.front().inputs.size() == 3;
  Plan plan =
      make_plan(implementation("im2col_gemm", kernels),
                [p, biased, &kernels, n = site.output().count(),
                 finish = std::get<UnaryFunction<T>>(activation)](const Io& io) {
                  T* y = io.out<T>(0);
                  kernels.conv2d(p, io.in<T>(0), io.in<T>(1), biased ? io.in<T>(2) : nullptr, y, io.scratch);
                  if (finish.run != nullptr) finish.run(y, y, n, finish.parameter);
                });
  plan.scratch_bytes = scratch;
  describe_fusion(site, plan);
  return plan;
}

template <class T>
Plan plan_grad_input(const Site& site, const Kernels<T>& kernels) {
  Convolution p = geometry(site.fields(), site.output().shape, site.input(1).shape, site.input(0).shape);
  const Sizes sizes(p);
  p.gemm = kernels.plan_gemm(sizes.weights, sizes.pixels, sizes.filters, true, false);
  const std::size_t scratch = book_columns<T>(p);
  Plan plan = make_plan(implementation("gemm_col2im", kernels), [p, &kernels](const Io& io) {
    kernels.conv2d_grad_input(p, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
  });
  plan.scratch_bytes = scratch;
  return plan;
}

template <class T>
Plan plan_grad_weight(const Site& site, const Kernels<T>& kernels) {
  Convolution p = geometry(site.fields(), site.input(1).shape, site.output().shape, site.input(0).shape);
  const Sizes sizes(p);
  p.gemm = kernels.plan_gemm(sizes.filters, sizes.weights, sizes.pixels, false, true);
  const std::size_t scratch = book_columns<T>(p);
  Plan plan = make_plan(implementation("im2col_gemm", kernels), [p, &kernels](const Io& io) {
    kernels.conv2d_grad_weight(p, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
  });
  plan.scratch_bytes = scratch;
  return plan;
}

}  // namespace

OfferRule conv2d_rule() {
  return for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return offer_conv2d(s, k); });
}

void add_conv_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("conv2d", conv2d_rule(), owner);
  kernels.add("conv2d_grad_input", for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) {
                return plan_grad_input(s, k);
              }),
              owner);
  kernels.add("conv2d_grad_weight", for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) {
                return plan_grad_weight(s, k);
              }),
              owner);
}

}  // namespace assay::eigen
