// Offers for pooling and its gradients.
#include <array>
#include <utility>

#include "backends/openmp/offers.h"
#include "backends/openmp/reductions.h"
#include "backends/openmp/windows.h"

namespace assay::openmp {
namespace {

// The planes of x [N, C, H, W] and y [N, C, H', W'], without windows.
Pooling planes_of(const Shape& x, const Shape& y) {
  Pooling shape{.planes = x[0] * x[1], .height = {}, .width = {}};
  shape.height.input = x[2];
  shape.width.input = x[3];
  shape.height.output = y[2];
  shape.width.output = y[3];
  shape.height.stride = shape.width.stride = 1;
  return shape;
}

Pooling windows_of(const Fields& fields, const Shape& x) {
  const Window window = pooling_window(x, fields);
  Pooling shape{.planes = x[0] * x[1], .height = axis_of(window.height), .width = axis_of(window.width)};
  if (fields.find("count_padding") != nullptr) shape.count_padding = fields.boolean("count_padding");
  return shape;
}

// `run` is a callable void(const PoolingPlan&, const Io&).
template <class T, class Run>
Plan plan_pool(std::string_view what, const Pooling& shape, const Target<T>& target, Run run) {
  const PoolingPlan pooling = target.kernels.plan_pooling(shape, target.threads);
  return make_plan(target.implementation(what), [pooling, run](const Io& io) { run(pooling, io); });
}

// The same for windows, which may be staged.
template <class T, class Run>
Plan plan_windows(const Site& site, const Target<T>& target, Run run) {
  const Pooling shape = windows_of(site.fields(), site.input(0).shape);
  Plan plan = plan_pool("windows", shape, target, run);
  plan.scratch_bytes = target.kernels.plan_pooling(shape, target.threads).scratch_bytes;
  return plan;
}

template <class T>
Plan plan_max(const Site& site, const Target<T>& target) {
  return plan_windows(site, target, [run = target.kernels.max_pool2d](const PoolingPlan& p, const Io& io) {
    run(p, io.in<T>(0), io.out<T>(0), io.out<std::int32_t>(1), io.scratch);
  });
}

// dx, and through the relu before the pooling where relu_grad follows: its y is the third input.
template <class T>
Offer plan_max_grad(const Site& site, const Target<T>& target) {
  const bool gated = site.ops.size() == 2;
  if (gated && site.ops[1].operands[0].op != 0) return Refusal{"relu_grad of another cotangent"};
  Plan plan =
      plan_pool("scatter", planes_of(site.output().shape, site.input(0).shape), target,
                [gated, run = target.kernels.max_pool2d_grad](const PoolingPlan& p, const Io& io) {
                  run(p, io.in<T>(0), io.in<std::int32_t>(1), gated ? io.in<T>(2) : nullptr, io.out<T>(0));
                });
  if (gated) plan.implementation += "+relu_grad";
  return plan;
}

template <class T>
Plan plan_max_gather(const Site& site, const Target<T>& target) {
  return plan_pool("gather", planes_of(site.input(0).shape, site.output().shape), target,
                   [run = target.kernels.max_pool2d_gather](const PoolingPlan& p, const Io& io) {
                     run(p, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0));
                   });
}

template <class T>
Plan plan_average(const Site& site, const Target<T>& target) {
  return plan_windows(site, target, [run = target.kernels.avg_pool2d](const PoolingPlan& p, const Io& io) {
    run(p, io.in<T>(0), io.out<T>(0), io.scratch);
  });
}

template <class T>
Plan plan_average_grad(const Site& site, const Target<T>& target) {
  return plan_pool("scatter", windows_of(site.fields(), site.output().shape), target,
                   [run = target.kernels.avg_pool2d_grad](const PoolingPlan& p, const Io& io) {
                     run(p, io.in<T>(0), io.out<T>(0));
                   });
}

// A mean over the last two axes.
template <class T>
Plan plan_global_average(const Site& site, const Target<T>& target) {
  const Reduction r = make_reduction(site.input(0).shape, std::array{2, 3});
  Plan plan = make_plan(
      target.implementation("tree"),
      [r, divisor = static_cast<T>(terms_of(r)), run = target.kernels.sum, threads = target.threads](
          const Io& io) { run(r, io.in<T>(0), divisor, io.out<T>(0), io.scratch, threads); });
  plan.scratch_bytes = scratch_of(r, 1, site.output().dtype);
  plan.accuracy.height = declared_height(target.kernels.reduction_height(r), terms_of(r));
  return plan;
}

}  // namespace

void add_pool_offers(Offers& offers) {
  offers.add("max_pool2d", []<class T>(const Site& s, const Target<T>& t) { return plan_max(s, t); });
  offers.add("max_pool2d_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_max_grad(s, t); });
  offers.add("max_pool2d_gather",
             []<class T>(const Site& s, const Target<T>& t) { return plan_max_gather(s, t); });
  offers.add("avg_pool2d", []<class T>(const Site& s, const Target<T>& t) { return plan_average(s, t); });
  offers.add("avg_pool2d_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_average_grad(s, t); });
  offers.add("global_avg_pool",
             []<class T>(const Site& s, const Target<T>& t) { return plan_global_average(s, t); });
}

}  // namespace assay::openmp
