// Offers for the unary ops, and for the binary ops, comparisons and selection with broadcasting.
#include <vector>

#include "backends/openmp/accuracy.h"
#include "backends/openmp/nests.h"
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

// Loops over the result with every operand broadcast to it.
Nest broadcast_nest(const Site& site) {
  const Shape& shape = site.output().shape;
  std::vector<Strides> strides;
  for (const Port& port : site.inputs) strides.push_back(broadcast_strides(port.spec.shape, shape));
  return make_nest(shape, strides);
}

// The result may take the place of an operand of its own size and dtype: each element is read before it is
// written.
std::vector<InPlace> same_sized_inputs(const Site& site) {
  std::vector<InPlace> pairs;
  for (std::size_t i = 0; i < site.inputs.size(); ++i) {
    if (site.input(i) == site.output()) pairs.push_back({0, static_cast<int>(i)});
  }
  return pairs;
}

template <class T>
Plan plan_unary(const Site& site, const Target<T>& target, Unary op) {
  Plan plan =
      make_plan(target.implementation("lanes"),
                [run = target.kernels.unary[static_cast<int>(op)], n = site.output().count(),
                 threads = target.threads](const Io& io) { run(io.in<T>(0), io.out<T>(0), n, threads); });
  plan.in_place = {{0, 0}};
  plan.accuracy = accuracy_of(site.op().name, "", site.output().dtype);
  return plan;
}

template <class T>
Plan plan_binary(const Site& site, const Target<T>& target, Binary op) {
  Plan plan = make_plan(target.implementation("lanes"),
                        [nest = broadcast_nest(site), run = target.kernels.binary[static_cast<int>(op)],
                         threads = target.threads](const Io& io) {
                          run(nest, io.in<T>(0), io.in<T>(1), io.out<T>(0), threads);
                        });
  plan.in_place = same_sized_inputs(site);
  plan.accuracy = accuracy_of(site.op().name, "", site.output().dtype);
  return plan;
}

template <class T>
Plan plan_compare(const Site& site, const Target<T>& target, Compare op) {
  return make_plan(target.implementation("loop"),
                   [nest = broadcast_nest(site), run = target.kernels.compare[static_cast<int>(op)],
                    threads = target.threads](const Io& io) {
                     run(nest, io.in<T>(0), io.in<T>(1), io.out<std::uint8_t>(0), threads);
                   });
}

template <class T>
Plan plan_where(const Site& site, const Target<T>& target) {
  Plan plan = make_plan(
      target.implementation("loop"),
      [nest = broadcast_nest(site), run = target.kernels.where, threads = target.threads](const Io& io) {
        run(nest, io.in<std::uint8_t>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0), threads);
      });
  plan.in_place = same_sized_inputs(site);
  return plan;
}

}  // namespace

void add_elementwise_offers(Offers& offers) {
  const auto add_unary = [&](std::string_view name, Unary op) {
    offers.add(name, [op]<class T>(const Site& s, const Target<T>& t) { return plan_unary(s, t, op); });
  };
  add_unary("neg", Unary::neg);
  add_unary("abs", Unary::abs);
  add_unary("sign", Unary::sign);
  add_unary("exp", Unary::exp);
  add_unary("log", Unary::log);
  add_unary("sqrt", Unary::sqrt);

  const auto add_binary = [&](std::string_view name, Binary op) {
    offers.add(name, [op]<class T>(const Site& s, const Target<T>& t) { return plan_binary(s, t, op); });
  };
  add_binary("add", Binary::add);
  add_binary("sub", Binary::sub);
  add_binary("mul", Binary::mul);
  add_binary("div", Binary::div);
  add_binary("pow", Binary::pow);
  add_binary("maximum", Binary::maximum);
  add_binary("minimum", Binary::minimum);

  const auto add_compare = [&](std::string_view name, Compare op) {
    offers.add(name, [op]<class T>(const Site& s, const Target<T>& t) { return plan_compare(s, t, op); });
  };
  add_compare("greater", Compare::greater);
  add_compare("equal", Compare::equal);
  offers.add("where", []<class T>(const Site& s, const Target<T>& t) { return plan_where(s, t); });
}

}  // namespace assay::openmp
