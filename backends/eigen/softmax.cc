// Offers for softmax, log_softmax, softmax_cross_entropy and their gradients.
#include "assay/ops/reduce.h"
#include "backends/eigen/accuracy.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

Extents along_axis(const Shape& x, const Fields& fields) {
  const int axis = normalized_axes({fields.integer("axis")}, x.rank()).front();
  return {.outer = x.count(0, axis), .count = x[axis], .inner = x.count(axis + 1, x.rank())};
}

// Maxima and sums of the columns, where the axis is not the innermost one.
template <class T>
std::size_t scratch_for(const Extents& e) {
  return e.inner > 1 ? 2 * static_cast<std::size_t>(e.inner) * sizeof(T) : 0;
}

template <class T>
Plan plan_forward(const Site& site, const Kernels<T>& kernels,
                  void (*run)(const Extents&, const T*, T*, void*)) {
  const Extents e = along_axis(site.input(0).shape, site.fields());
  Plan plan = make_plan(implementation("packet", kernels),
                        [e, run](const Io& io) { run(e, io.in<T>(0), io.out<T>(0), io.scratch); });
  plan.scratch_bytes = scratch_for<T>(e);
  plan.accuracy = accuracy_of("exp", site.output().dtype);
  return plan;
}

template <class T>
Plan plan_gradient(const Site& site, const Kernels<T>& kernels,
                   void (*run)(const Extents&, const T*, const T*, T*, void*)) {
  const Extents e = along_axis(site.input(1).shape, site.fields());
  Plan plan = make_plan(implementation("packet", kernels), [e, run](const Io& io) {
    run(e, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
  });
  plan.scratch_bytes = scratch_for<T>(e);
  plan.accuracy = accuracy_of("exp", site.output().dtype);
  return plan;
}

Extents rows_of(const Shape& scores) { return {.outer = scores[0], .count = scores[1], .inner = 1}; }

template <class T>
T smoothing_of(const Site& site) {
  return static_cast<T>(site.fields().number("label_smoothing"));
}

template <class T>
Plan plan_cross_entropy(const Site& site, const Kernels<T>& kernels) {
  Plan plan = make_plan(
      implementation("packet", kernels),
      [e = rows_of(site.input(0).shape), smoothing = smoothing_of<T>(site), &kernels](const Io& io) {
        kernels.softmax_cross_entropy(e, smoothing, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0),
                                      io.out<T>(1));
      });
  plan.accuracy = accuracy_of("exp", site.output().dtype);
  return plan;
}

template <class T>
Plan plan_cross_entropy_grad(const Site& site, const Kernels<T>& kernels) {
  Plan plan = make_plan(
      implementation("packet", kernels),
      [e = rows_of(site.input(1).shape), smoothing = smoothing_of<T>(site), &kernels](const Io& io) {
        kernels.softmax_cross_entropy_grad(e, smoothing, io.in<T>(0), io.in<T>(1), io.in<std::int32_t>(2),
                                           io.out<T>(0));
      });
  plan.in_place = {{0, 1}};
  return plan;
}

}  // namespace

void add_softmax_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add = [&](std::string_view op, auto plan) { kernels.add(op, for_f32_and_f64(plan), owner); };
  add("softmax", []<class T>(const Site& s, const Kernels<T>& k) { return plan_forward(s, k, k.softmax); });
  add("log_softmax",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_forward(s, k, k.log_softmax); });
  add("softmax_grad",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_gradient(s, k, k.softmax_grad); });
  add("log_softmax_grad",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_gradient(s, k, k.log_softmax_grad); });
  add("softmax_cross_entropy",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_cross_entropy(s, k); });
  add("softmax_cross_entropy_grad",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_cross_entropy_grad(s, k); });
}

}  // namespace assay::eigen
