// Offers for pooling and its gradients.
#include "backends/eigen/nests.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

// The planes of x [N, C, H, W] and y [N, C, H', W'].
Pooling planes_of(const Shape& x, const Shape& y) {
  return {.planes = x[0] * x[1], .height = x[2], .width = x[3], .out_height = y[2], .out_width = y[3]};
}

Pooling windows_of(const Fields& fields, const Shape& x, const Shape& y) {
  const auto &size = fields.integers("size"), &stride = fields.integers("stride");
  const auto& padding = fields.integers("padding");
  Pooling p = planes_of(x, y);
  p.size_height = size[0];
  p.size_width = size[1];
  p.stride_height = stride[0];
  p.stride_width = stride[1];
  p.pad_top = padding[0];
  p.pad_left = padding[2];
  if (fields.find("count_padding") != nullptr) p.count_padding = fields.boolean("count_padding");
  return p;
}

template <class T>
Plan plan_max(const Site& site, const Kernels<T>& kernels) {
  const Pooling p = windows_of(site.fields(), site.input(0).shape, site.output().shape);
  return make_plan(implementation("lanes", kernels), [p, &kernels](const Io& io) {
    kernels.max_pool2d(p, io.in<T>(0), io.out<T>(0), io.out<std::int32_t>(1));
  });
}

template <class T>
Plan plan_max_grad(const Site& site, const Kernels<T>& kernels) {
  const Pooling p = planes_of(site.output().shape, site.input(0).shape);
  return make_plan(implementation("scatter", kernels), [p, &kernels](const Io& io) {
    kernels.max_pool2d_grad(p, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0));
  });
}

template <class T>
Plan plan_max_gather(const Site& site, const Kernels<T>& kernels) {
  const Pooling p = planes_of(site.input(0).shape, site.output().shape);
  return make_plan(implementation("gather", kernels), [p, &kernels](const Io& io) {
    kernels.max_pool2d_gather(p, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0));
  });
}

template <class T>
Plan plan_average(const Site& site, const Kernels<T>& kernels) {
  const Pooling p = windows_of(site.fields(), site.input(0).shape, site.output().shape);
  return make_plan(implementation("rows", kernels),
                   [p, &kernels](const Io& io) { kernels.avg_pool2d(p, io.in<T>(0), io.out<T>(0)); });
}

template <class T>
Plan plan_average_grad(const Site& site, const Kernels<T>& kernels) {
  const Pooling p = windows_of(site.fields(), site.output().shape, site.input(0).shape);
  return make_plan(implementation("rows", kernels),
                   [p, &kernels](const Io& io) { kernels.avg_pool2d_grad(p, io.in<T>(0), io.out<T>(0)); });
}

// The mean over the last two axes.
template <class T>
Plan plan_global_average(const Site& site, const Kernels<T>& kernels) {
  const Shape& x = site.input(0).shape;
  const Index results = x[0] * x[1], terms = x[2] * x[3];
  const Strides strides[] = {{terms, 1}, {1, 0}};
  return make_plan(implementation("reduce", kernels), [nest = make_nest(Shape{results, terms}, strides),
                                                       results, terms, &kernels](const Io& io) {
    kernels.reduce[static_cast<int>(Reduction::mean)](nest, io.in<T>(0), io.out<T>(0), results, terms);
  });
}

}  // namespace

void add_pool_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add = [&](std::string_view op, auto plan) { kernels.add(op, for_f32_and_f64(plan), owner); };
  add("max_pool2d", []<class T>(const Site& s, const Kernels<T>& k) { return plan_max(s, k); });
  add("max_pool2d_grad", []<class T>(const Site& s, const Kernels<T>& k) { return plan_max_grad(s, k); });
  add("max_pool2d_gather", []<class T>(const Site& s, const Kernels<T>& k) { return plan_max_gather(s, k); });
  add("avg_pool2d", []<class T>(const Site& s, const Kernels<T>& k) { return plan_average(s, k); });
  add("avg_pool2d_grad", []<class T>(const Site& s, const Kernels<T>& k) { return plan_average_grad(s, k); });
  add("global_avg_pool",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_global_average(s, k); });
}

}  // namespace assay::eigen
