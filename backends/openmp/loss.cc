// Offers for the losses of a prediction and a target.
#include "backends/openmp/accuracy.h"
#include "backends/openmp/offers.h"
#include "backends/openmp/reductions.h"

namespace assay::openmp {
namespace {

// Additions within a term, before the sum: a − y and |r| − δ/2, or 1 − y and what it is multiplied into.
constexpr std::int64_t kTermHeight = 2;

template <class T>
Plan plan_loss(const Site& site, const Target<T>& target, Loss kind, std::int64_t divisor) {
  const Reduction r = make_reduction(site.input(0).count());
  const double parameter = kind == Loss::huber ? site.fields().number("delta") : 0.0;
  Plan plan = make_plan(target.implementation("tree"), [r, parameter, divisor = static_cast<T>(divisor),
                                                        run = target.kernels.loss[static_cast<int>(kind)],
                                                        threads = target.threads](const Io& io) {
    run(r, parameter, divisor, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch, threads);
  });
  plan.scratch_bytes = scratch_of(r, 1, site.output().dtype);
  if (kind == Loss::binary_cross_entropy) plan.accuracy = accuracy_of("softplus", "", site.output().dtype);
  plan.accuracy.height = declared_height(target.kernels.reduction_height(r) + kTermHeight, terms_of(r));
  return plan;
}

}  // namespace

void add_loss_offers(Offers& offers) {
  const auto add = [&](std::string_view op, Loss kind, auto divisor_of) {
    offers.add(op, [kind, divisor_of]<class T>(const Site& s, const Target<T>& t) {
      return plan_loss(s, t, kind, divisor_of(s.input(0).shape));
    });
  };
  const auto rows = [](const Shape& shape) { return shape[0]; };
  const auto twice_rows = [](const Shape& shape) { return 2 * shape[0]; };
  const auto elements = [](const Shape& shape) { return shape.count(); };
  add("half_squared_error", Loss::squared_error, twice_rows);
  add("mean_squared_error", Loss::squared_error, elements);
  add("mean_absolute_error", Loss::absolute_error, elements);
  add("huber", Loss::huber, elements);
  add("binary_cross_entropy", Loss::binary_cross_entropy, rows);
}

}  // namespace assay::openmp
