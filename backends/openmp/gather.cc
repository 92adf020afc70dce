// Offers for gather (an embedding) and its gradient.
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

Gather gather_of(const Shape& table, const Shape& index) {
  return {.rows = table[0], .width = table.count(1, table.rank()), .count = index.count()};
}

template <class T>
Plan plan_gather(const Site& site, const Target<T>& target) {
  const Gather gather = gather_of(site.input(0).shape, site.input(1).shape);
  return make_plan(target.implementation("rows"),
                   [gather, run = target.kernels.gather, threads = target.threads](const Io& io) {
                     run(gather, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0), threads);
                   });
}

template <class T>
Plan plan_gather_grad(const Site& site, const Target<T>& target) {
  const Gather gather = gather_of(site.output().shape, site.input(1).shape);
  return make_plan(target.implementation("rows"),
                   [gather, run = target.kernels.gather_grad, threads = target.threads](const Io& io) {
                     run(gather, io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0), threads);
                   });
}

}  // namespace

void add_gather_offers(Offers& offers) {
  offers.add("gather", []<class T>(const Site& s, const Target<T>& t) { return plan_gather(s, t); });
  offers.add("gather_grad",
             []<class T>(const Site& s, const Target<T>& t) { return plan_gather_grad(s, t); });
}

}  // namespace assay::openmp
