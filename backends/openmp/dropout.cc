// The offer for dropout. Its kernel draws the same bits as the framework's generator, so that the mask is the
// same on every backend.
#include "assay/ops/dropout.h"

#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

template <class T>
Plan plan_dropout(const Site& site, const Target<T>& target) {
  const Shape& x = site.input(0).shape;
  const double rate = site.fields().number("rate");
  const Dropout<T> dropout{.samples = x[0],
                           .elements = x.count(1, x.rank()),
                           .stream = static_cast<std::uint32_t>(site.fields().integer("stream")),
                           .threshold = dropout_threshold(rate),
                           .scale = static_cast<T>(dropout_scale(rate))};
  Plan plan = make_plan(target.implementation("philox"),
                        [dropout, run = target.kernels.dropout, threads = target.threads](const Io& io) {
                          run(dropout, io.in<std::int32_t>(1), io.in<std::int32_t>(2), io.in<T>(0),
                              io.out<T>(0), io.out<std::uint8_t>(1), threads);
                        });
  plan.in_place = {{0, 0}};
  return plan;
}

}  // namespace

void add_dropout_offers(Offers& offers) {
  offers.add("dropout", []<class T>(const Site& s, const Target<T>& t) { return plan_dropout(s, t); });
}

}  // namespace assay::openmp
