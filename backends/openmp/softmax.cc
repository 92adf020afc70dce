// Offers for softmax, log_softmax, softmax_cross_entropy and their gradients.
#include "assay/ops/reduce.h"
#include "backends/openmp/accuracy.h"
#include "backends/openmp/offers.h"
#include "backends/openmp/reductions.h"

namespace assay::openmp {
namespace {

Around along_axis(const Site& site) {
  const Shape& x = site.input(0).shape;
  const int axis = normalized_axes({site.fields().integer("axis")}, x.rank()).front();
  return {.outer = x.count(0, axis), .extent = x[axis], .inner = x.count(axis + 1, x.rank())};
}

// The contract of the exponential and the height of the sums along the axis.
template <class T>
Accuracy accuracy_along(const Around& around, const Site& site, const Target<T>& target) {
  Accuracy accuracy = accuracy_of("exp", "", site.output().dtype);
  accuracy.height =
      declared_height(target.kernels.line_height(around.extent, around.inner == 1), around.extent);
  return accuracy;
}

template <class T>
Plan plan_forward(const Site& site, const Target<T>& target, void (*run)(const Around&, const T*, T*, int)) {
  Plan plan = make_plan(target.implementation("lines"),
                        [around = along_axis(site), run, threads = target.threads](const Io& io) {
                          run(around, io.in<T>(0), io.out<T>(0), threads);
                        });
  plan.in_place = {{0, 0}};
  plan.accuracy = accuracy_along(along_axis(site), site, target);
  return plan;
}

template <class T>
Plan plan_gradient(const Site& site, const Target<T>& target,
                   void (*run)(const Around&, const T*, const T*, T*, int)) {
  Plan plan = make_plan(target.implementation("lines"),
                        [around = along_axis(site), run, threads = target.threads](const Io& io) {
                          run(around, io.in<T>(0), io.in<T>(1), io.out<T>(0), threads);
                        });
  plan.in_place = {{0, 0}, {0, 1}};
  plan.accuracy = accuracy_along(along_axis(site), site, target);
  return plan;
}

Around rows_of(const Shape& scores) { return {.outer = scores[0], .extent = scores[1], .inner = 1}; }

template <class T>
T smoothing_of(const Site& site) {
  return static_cast<T>(site.fields().number("label_smoothing"));
}

template <class T>
Plan plan_cross_entropy(const Site& site, const Target<T>& target) {
  const Around rows = rows_of(site.input(0).shape);
  Plan plan = make_plan(target.implementation("lines"),
                        [rows, smoothing = smoothing_of<T>(site), run = target.kernels.softmax_cross_entropy,
                         threads = target.threads](const Io& io) {
                          run(rows, smoothing, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0),
                              io.out<T>(1), io.scratch, threads);
                        });
  plan.scratch_bytes = static_cast<std::size_t>(rows.outer) * sizeof(T);
  plan.accuracy = accuracy_of("exp", "", site.output().dtype);
  return plan;
}

template <class T>
Plan plan_cross_entropy_grad(const Site& site, const Target<T>& target) {
  Plan plan = make_plan(
      target.implementation("lines"),
      [rows = rows_of(site.input(1).shape), smoothing = smoothing_of<T>(site),
       run = target.kernels.softmax_cross_entropy_grad, threads = target.threads](const Io& io) {
        run(rows, smoothing, io.in<T>(0), io.in<T>(1), io.in<std::int32_t>(2), io.out<T>(0), threads);
      });
  plan.in_place = {{0, 1}};
  return plan;
}

}  // namespace

void add_softmax_offers(Offers& offers) {
  offers.add("softmax", []<class T>(const Site& s, const Target<T>& t) {
    return plan_forward(s, t, t.kernels.softmax);
  });
  offers.add("log_softmax", []<class T>(const Site& s, const Target<T>& t) {
    return plan_forward(s, t, t.kernels.log_softmax);
  });
  offers.add("softmax_grad", []<class T>(const Site& s, const Target<T>& t) {
    return plan_gradient(s, t, t.kernels.softmax_grad);
  });
  offers.add("log_softmax_grad", []<class T>(const Site& s, const Target<T>& t) {
    return plan_gradient(s, t, t.kernels.log_softmax_grad);
  });
  offers.add("softmax_cross_entropy",
             []<class T>(const Site& s, const Target<T>& t) { return plan_cross_entropy(s, t); });
  offers.add("softmax_cross_entropy_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_cross_entropy_grad(s, t); });
}

}  // namespace assay::openmp
