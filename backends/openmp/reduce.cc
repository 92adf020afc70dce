// Offers for sums, averages and maxima over axes.
#include "assay/ops/reduce.h"

#include "backends/openmp/offers.h"
#include "backends/openmp/reductions.h"

namespace assay::openmp {
namespace {

Reduction reduction_of(const Site& site) {
  const Shape& x = site.input(0).shape;
  return make_reduction(x, normalized_axes(site.fields().integers("axes"), x.rank()));
}

template <class T>
Plan plan_sum(const Site& site, const Target<T>& target, bool average) {
  const Reduction r = reduction_of(site);
  Plan plan = make_plan(target.implementation("tree"),
                        [r, divisor = static_cast<T>(average ? terms_of(r) : 1), run = target.kernels.sum,
                         threads = target.threads](const Io& io) {
                          run(r, io.in<T>(0), divisor, io.out<T>(0), io.scratch, threads);
                        });
  plan.scratch_bytes = scratch_of(r, 1, site.output().dtype);
  plan.accuracy.height = declared_height(target.kernels.reduction_height(r), terms_of(r));
  return plan;
}

template <class T>
Plan plan_max(const Site& site, const Target<T>& target) {
  const Reduction r = reduction_of(site);
  Plan plan = make_plan(target.implementation("tree"),
                        [r, run = target.kernels.max, threads = target.threads](const Io& io) {
                          run(r, io.in<T>(0), io.out<T>(0), io.scratch, threads);
                        });
  plan.scratch_bytes = scratch_of(r, 1, site.output().dtype);
  return plan;
}

}  // namespace

void add_reduction_offers(Offers& offers) {
  offers.add("sum", []<class T>(const Site& s, const Target<T>& t) { return plan_sum(s, t, false); });
  offers.add("mean", []<class T>(const Site& s, const Target<T>& t) { return plan_sum(s, t, true); });
  offers.add("max", []<class T>(const Site& s, const Target<T>& t) { return plan_max(s, t); });
}

}  // namespace assay::openmp
