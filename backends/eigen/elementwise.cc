// Offers for the binary ops, comparisons and selection, with broadcasting, and for the reductions.
#include <vector>

#include "assay/ops/reduce.h"
#include "backends/eigen/nests.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

// Loops over the output with every input broadcast to it.
Nest broadcast_nest(const Site& site) {
  const Shape& shape = site.output().shape;
  std::vector<Strides> strides;
  for (const Port& port : site.inputs) strides.push_back(broadcast_strides(port.spec.shape, shape));
  strides.push_back(dense_strides(shape));
  return make_nest(shape, strides);
}

// The output may take the place of an input of its own size and dtype: each element is read before it is
// written.
std::vector<InPlace> same_sized_inputs(const Site& site) {
  std::vector<InPlace> pairs;
  for (std::size_t i = 0; i < site.inputs.size(); ++i) {
    if (site.input(i) == site.output()) pairs.push_back({0, static_cast<int>(i)});
  }
  return pairs;
}

template <class T>
Plan plan_binary(const Site& site, const Kernels<T>& kernels, Binary op) {
  Plan plan = make_plan(implementation("packet", kernels),
                        [nest = broadcast_nest(site), run = kernels.binary[static_cast<int>(op)]](
                            const Io& io) { run(nest, io.in<T>(0), io.in<T>(1), io.out<T>(0)); });
  plan.in_place = same_sized_inputs(site);
  return plan;
}

template <class T>
Plan plan_compare(const Site& site, const Kernels<T>& kernels, Compare op) {
  return make_plan(implementation("loop", kernels),
                   [nest = broadcast_nest(site), run = kernels.compare[static_cast<int>(op)]](const Io& io) {
                     run(nest, io.in<T>(0), io.in<T>(1), io.out<std::uint8_t>(0));
                   });
}

template <class T>
Plan plan_where(const Site& site, const Kernels<T>& kernels) {
  Plan plan =
      make_plan(implementation("loop", kernels), [nest = broadcast_nest(site), &kernels](const Io& io) {
        kernels.where(nest, io.in<std::uint8_t>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0));
      });
  plan.in_place = same_sized_inputs(site);
  return plan;
}

// Loops over the input, with strides of 0 into the output along the reduced axes.
Nest reduction_nest(const Site& site) {
  const Shape& x = site.input(0).shape;
  Shape kept = x;
  const std::vector<int> axes = normalized_axes(site.fields().integers("axes"), x.rank());
  for (int axis : axes) kept = kept.with(axis, 1);
  Strides into = dense_strides(kept);
  for (int axis : axes) into[static_cast<std::size_t>(axis)] = 0;
  const Strides strides[] = {dense_strides(x), into};
  return make_nest(x, strides);
}

template <class T>
Plan plan_reduce(const Site& site, const Kernels<T>& kernels, Reduction op) {
  const Index results = site.output().count();
  const Index terms = results == 0 ? 0 : site.input(0).count() / results;
  return make_plan(implementation("reduce", kernels),
                   [nest = reduction_nest(site), results, terms, run = kernels.reduce[static_cast<int>(op)]](
                       const Io& io) { run(nest, io.in<T>(0), io.out<T>(0), results, terms); });
}

}  // namespace

void add_elementwise_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add_binary = [&](std::string_view name, Binary op) {
    kernels.add(name, for_f32_and_f64([op]<class T>(const Site& s, const Kernels<T>& k) {
                  return plan_binary(s, k, op);
                }),
                owner);
  };
  add_binary("add", Binary::add);
  add_binary("sub", Binary::sub);
  add_binary("mul", Binary::mul);
  add_binary("div", Binary::div);
  add_binary("maximum", Binary::maximum);
  add_binary("minimum", Binary::minimum);
  kernels.add(
      "pow",
      [](const Site&) {
        return Refusal{
            "without SSE 4.1, Eigen 3.4 has no vectorised pow, and this backend's kernels run on every "
            "processor"};
      },
      owner);

  const auto add_compare = [&](std::string_view name, Compare op) {
    kernels.add(name, for_f32_and_f64([op]<class T>(const Site& s, const Kernels<T>& k) {
                  return plan_compare(s, k, op);
                }),
                owner);
  };
  add_compare("greater", Compare::greater);
  add_compare("equal", Compare::equal);
  kernels.add("where",
              for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return plan_where(s, k); }),
              owner);

  const auto add_reduce = [&](std::string_view name, Reduction op) {
    kernels.add(name, for_f32_and_f64([op]<class T>(const Site& s, const Kernels<T>& k) {
                  return plan_reduce(s, k, op);
                }),
                owner);
  };
  add_reduce("sum", Reduction::sum);
  add_reduce("mean", Reduction::mean);
  add_reduce("max", Reduction::max);
}

}  // namespace assay::eigen
