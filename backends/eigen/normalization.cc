// Offers for batch and layer normalisation and their gradients.
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

// x [N, C, ...]: statistics per channel.
Extents channels_of(const Shape& x) { return {.outer = x[0], .count = x[1], .inner = x.count(2, x.rank())}; }

// x [leading..., trailing...]: statistics over the trailing axes.
Extents rows_of(const Shape& x, const Fields& fields) {
  const auto axis = static_cast<int>(fields.integer("axis"));
  return {.outer = x.count(0, axis), .count = x.count(axis, x.rank()), .inner = 1};
}

template <class T>
T epsilon_of(const Site& site) {
  return static_cast<T>(site.fields().number("epsilon"));
}

template <class T>
Plan plan_batch_norm(const Site& site, const Kernels<T>& kernels) {
  return make_plan(
      implementation("two_pass", kernels),
      [e = channels_of(site.input(0).shape), epsilon = epsilon_of<T>(site), &kernels](const Io& io) {
        kernels.batch_norm(e, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0), io.out<T>(1),
                           io.out<T>(2));
      });
}

template <class T>
Plan plan_batch_norm_grad(const Site& site, const Kernels<T>& kernels) {
  return make_plan(
      implementation("two_pass", kernels),
      [e = channels_of(site.input(1).shape), epsilon = epsilon_of<T>(site), &kernels](const Io& io) {
        kernels.batch_norm_grad(e, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3), io.in<T>(4),
                                io.out<T>(0), io.out<T>(1), io.out<T>(2));
      });
}

template <class T>
Plan plan_batch_norm_inference(const Site& site, const Kernels<T>& kernels) {
  Plan plan = make_plan(
      implementation("affine", kernels),
      [e = channels_of(site.input(0).shape), epsilon = epsilon_of<T>(site), &kernels](const Io& io) {
        kernels.batch_norm_inference(e, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3),
                                     io.in<T>(4), io.out<T>(0));
      });
  plan.in_place = {{0, 0}};
  return plan;
}

template <class T>
Plan plan_layer_norm(const Site& site, const Kernels<T>& kernels) {
  return make_plan(implementation("two_pass", kernels),
                   [e = rows_of(site.input(0).shape, site.fields()), epsilon = epsilon_of<T>(site),
                    &kernels](const Io& io) {
                     kernels.layer_norm(e, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0),
                                        io.out<T>(1), io.out<T>(2));
                   });
}

template <class T>
Plan plan_layer_norm_grad(const Site& site, const Kernels<T>& kernels) {
  return make_plan(implementation("two_pass", kernels),
                   [e = rows_of(site.input(1).shape, site.fields()), epsilon = epsilon_of<T>(site),
                    &kernels](const Io& io) {
                     kernels.layer_norm_grad(e, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3),
                                             io.in<T>(4), io.out<T>(0), io.out<T>(1), io.out<T>(2));
                   });
}

}  // namespace

void add_normalization_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add = [&](std::string_view op, auto plan) { kernels.add(op, for_f32_and_f64(plan), owner); };
  add("batch_norm", []<class T>(const Site& s, const Kernels<T>& k) { return plan_batch_norm(s, k); });
  add("batch_norm_grad",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_batch_norm_grad(s, k); });
  add("batch_norm_inference",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_batch_norm_inference(s, k); });
  add("layer_norm", []<class T>(const Site& s, const Kernels<T>& k) { return plan_layer_norm(s, k); });
  add("layer_norm_grad",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_layer_norm_grad(s, k); });
}

}  // namespace assay::eigen
