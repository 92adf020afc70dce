// Reductions: the input is walked once in row-major order, each element joining the output element it belongs
// to.
#include "assay/ops/reduce.h"

#include <algorithm>

#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace assay {
namespace {

using reference::Strides;

// Strides into the output for a walk over the input: 0 along the reduced axes.
Strides output_strides(const Site& site) {
  const Shape& x = site.input(0).shape;
  const auto axes = normalized_axes(site.fields().integers("axes"), x.rank());
  Shape kept = x;
  for (int axis : axes) kept = kept.with(axis, 1);
  Strides strides = reference::row_major_strides(kept);
  for (int axis : axes) strides[axis] = 0;
  return strides;
}

template <class T>
auto sum_loop(const Site& site, bool average) {
  const Shape shape = site.input(0).shape;
  const std::int64_t results = site.output().count();
  const std::array<Strides, 1> strides{output_strides(site)};
  const std::int64_t terms = results == 0 ? 1 : shape.count() / results;
  return [=](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    for (std::int64_t j = 0; j < results; ++j) y[j] = T(0);
    reference::walk(shape, strides, [&](std::int64_t i, const auto& at) { y[at[0]] += x[i]; });
    if (average) {
      for (std::int64_t j = 0; j < results; ++j) y[j] /= T(terms);
    }
  };
}

template <class T>
auto max_loop(const Site& site) {
  const Shape shape = site.input(0).shape;
  const std::array<Strides, 1> strides{output_strides(site)};
  return [=](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    // Each output starts from one of its own elements, so that no value stands in for minus infinity.
    reference::walk(shape, strides, [&](std::int64_t i, const auto& at) { y[at[0]] = x[i]; });
    reference::walk(shape, strides,
                    [&](std::int64_t i, const auto& at) { y[at[0]] = maximum(x[i], y[at[0]]); });
  };
}

}  // namespace

void add_reduce_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("sum", for_every_scalar<Scalars::all>([]<class T>(const Site& site) {
                return sum_loop<T>(site, false);
              }),
              owner);
  kernels.add("mean", for_every_scalar<Scalars::all>([]<class T>(const Site& site) {
                return sum_loop<T>(site, true);
              }),
              owner);
  kernels.add("max",
              for_every_scalar<Scalars::all>([]<class T>(const Site& site) { return max_loop<T>(site); }),
              owner);
}

}  // namespace assay
