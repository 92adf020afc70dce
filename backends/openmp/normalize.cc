// Offers for batch and layer normalisation and their gradients, and for batch normalisation with relu behind
// it.
#include <algorithm>
#include <vector>

#include "backends/openmp/offers.h"
#include "backends/openmp/reductions.h"

namespace assay::openmp {
namespace {

// x [N, C, ...]: a statistic per channel.
struct Channels {
  Around around;
  Reduction statistics;
  explicit Channels(const Shape& x)
      : around{.outer = x[0], .extent = x[1], .inner = x.count(2, x.rank())},
        statistics(make_reduction(Shape{around.outer, around.extent, around.inner}, kAllButChannels)) {}

  // `tables`: of an element per channel.
  std::size_t scratch_bytes(int tables, int quantities, DType dtype) const {
    return static_cast<std::size_t>(tables * around.extent) * size_of(dtype) +
           scratch_of(statistics, quantities, dtype);
  }

 private:
  static constexpr int kAllButChannels[] = {0, 2};
};

// x [leading..., trailing...]: a statistic per row of the trailing axes.
Around rows_of(const Shape& x, const Fields& fields) {
  const auto axis = static_cast<int>(fields.integer("axis"));
  return {.outer = x.count(0, axis), .extent = x.count(axis, x.rank()), .inner = 1};
}

// Of the sums over rows.
template <class T>
std::int64_t height_of(const Around& rows, const Target<T>& target) {
  return declared_height(target.kernels.line_height(rows.extent, true), rows.extent);
}
// Of the sums over channels.
template <class T>
std::int64_t height_of(const Channels& c, const Target<T>& target) {
  return declared_height(target.kernels.reduction_height(c.statistics), terms_of(c.statistics));
}

template <class T>
T epsilon_of(const Site& site) {
  return static_cast<T>(site.fields().number("epsilon"));
}

template <class T>
Plan plan_batch_norm(const Site& site, const Target<T>& target) {
  const Channels c(site.input(0).shape);
  const bool relu = site.ops.size() == 2;
  Plan plan = make_plan(target.implementation("two_pass"),
                        [c, epsilon = epsilon_of<T>(site), relu, run = target.kernels.batch_norm,
                         threads = target.threads](const Io& io) {
                          run(c.statistics, c.around, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), relu,
                              io.out<T>(0), io.out<T>(1), io.out<T>(2), io.scratch, threads);
                        });
  if (relu) plan.implementation += "+relu";
  plan.in_place = {{0, 0}};
  plan.scratch_bytes = c.scratch_bytes(1, 1, site.output().dtype);
  plan.accuracy.height = height_of(c, target);
  return plan;
}

// Alone, or behind relu_grad, whose y is the second input then.
template <class T>
Plan plan_batch_norm_grad(const Site& site, const Target<T>& target) {
  const bool gated = site.ops.size() == 2;
  const Channels c(site.output().shape);
  Plan plan = make_plan(target.implementation("two_pass"),
                        [c, epsilon = static_cast<T>(site.ops.back().fields->number("epsilon")), gated,
                         run = target.kernels.batch_norm_grad, threads = target.threads](const Io& io) {
                          const std::size_t x = gated ? 2 : 1;
                          run(c.statistics, c.around, epsilon, io.in<T>(0), gated ? io.in<T>(1) : nullptr,
                              io.in<T>(x), io.in<T>(x + 1), io.in<T>(x + 2), io.in<T>(x + 3), io.out<T>(0),
                              io.out<T>(1), io.out<T>(2), io.scratch, threads);
                        });
  if (gated) plan.implementation += "+relu_grad";
  plan.in_place = {{0, 0}, {0, 1}};
  if (gated) plan.in_place.push_back({0, 2});
  plan.scratch_bytes = c.scratch_bytes(4, 2, site.output().dtype);
  plan.accuracy.height = height_of(c, target);
  return plan;
}

template <class T>
Offer plan_gated_batch_norm_grad(const Site& site, const Target<T>& target) {
  if (site.ops.size() == 1) return Refusal{"no gradient of batch normalisation behind it"};
  if (site.ops[1].operands[0].op != 0) return Refusal{"relu_grad of another operand than the cotangent"};
  return plan_batch_norm_grad(site, target);
}

template <class T>
Plan plan_batch_norm_inference(const Site& site, const Target<T>& target) {
  const Channels c(site.input(0).shape);
  const bool relu = site.ops.size() == 2;
  Plan plan = make_plan(target.implementation("lanes"),
                        [around = c.around, epsilon = epsilon_of<T>(site), relu,
                         run = target.kernels.batch_norm_inference, threads = target.threads](const Io& io) {
                          run(around, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3),
                              io.in<T>(4), relu, io.out<T>(0), io.scratch, threads);
                        });
  if (relu) plan.implementation += "+relu";
  plan.in_place = {{0, 0}};
  plan.scratch_bytes = static_cast<std::size_t>(c.around.extent) * sizeof(T);
  return plan;
}

template <class T>
Plan plan_layer_norm(const Site& site, const Target<T>& target) {
  const Around rows = rows_of(site.input(0).shape, site.fields());
  Plan plan = make_plan(target.implementation("two_pass"),
                        [rows, epsilon = epsilon_of<T>(site), run = target.kernels.layer_norm,
                         threads = target.threads](const Io& io) {
                          run(rows, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0),
                              io.out<T>(1), io.out<T>(2), threads);
                        });
  plan.in_place = {{0, 0}};
  plan.accuracy.height = height_of(rows, target);
  return plan;
}

template <class T>
Plan plan_layer_norm_grad(const Site& site, const Target<T>& target) {
  const Around rows = rows_of(site.input(1).shape, site.fields());
  const Reduction columns = make_column_reduction(rows.outer, rows.extent);
  Plan plan = make_plan(target.implementation("two_pass"),
                        [rows, columns, epsilon = epsilon_of<T>(site), run = target.kernels.layer_norm_grad,
                         threads = target.threads](const Io& io) {
                          run(columns, rows, epsilon, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3),
                              io.in<T>(4), io.out<T>(0), io.out<T>(1), io.out<T>(2), io.scratch, threads);
                        });
  plan.in_place = {{0, 0}, {0, 1}};
  plan.scratch_bytes =
      static_cast<std::size_t>(rows.outer) * sizeof(T) + scratch_of(columns, 2, site.output().dtype);
  // One height for the sums along rows and those down columns: of whichever is higher.
  plan.accuracy.height = declared_height(
      std::max(target.kernels.line_height(rows.extent, true), target.kernels.reduction_height(columns)),
      std::max(rows.extent, rows.outer));
  return plan;
}

}  // namespace

void add_normalization_offers(Offers& offers) {
  offers.add("batch_norm", []<class T>(const Site& s, const Target<T>& t) { return plan_batch_norm(s, t); });
  offers.add("batch_norm_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_batch_norm_grad(s, t); });
  offers.add("relu_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_gated_batch_norm_grad(s, t); });
  offers.add("batch_norm_inference",
             []<class T>(const Site& s, const Target<T>& t) { return plan_batch_norm_inference(s, t); });
  offers.add("layer_norm", []<class T>(const Site& s, const Target<T>& t) { return plan_layer_norm(s, t); });
  offers.add("layer_norm_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_layer_norm_grad(s, t); });
}

}  // namespace assay::openmp
