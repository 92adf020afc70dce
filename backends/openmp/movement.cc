// Offers for the ops that move elements: all but the gathers are copies of boxes between strided tensors.
#include <utility>
#include <vector>

#include "assay/ops/reduce.h"
#include "backends/openmp/nests.h"
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

void swap_loops(Nest& nest, int a, int b) {
  std::swap(nest.extent[a], nest.extent[b]);
  for (auto& steps : nest.stride) std::swap(steps[a], steps[b]);
}

// A copy of a box of `shape`. Where the target's contiguous loop is not the source's, the source's is brought
// next to it, so that both sides are read and written in runs.
Copy make_copy(const Shape& shape, const Strides& from, const Strides& to) {
  const Strides operands[] = {from, to};
  Copy copy{make_nest(shape, operands), false};
  Nest& nest = copy.nest;
  const int last = nest.rank - 1;
  if (nest.stride[0][last] <= 1 || nest.stride[1][last] != 1) return copy;
  int contiguous = 0;
  while (contiguous < last && nest.stride[0][contiguous] != 1) ++contiguous;
  if (contiguous == last) return copy;
  for (int d = contiguous; d + 1 < last; ++d) swap_loops(nest, d, d + 1);
  copy.transposed = true;
  return copy;
}

// A copy of a box between two dense tensors, from and to these elements of them.
struct BoxCopy {
  Copy copy;
  std::int64_t from, to;
};

BoxCopy copy_box(const Shape& box, const Shape& x, std::int64_t from, const Shape& y, std::int64_t to) {
  return {make_copy(box, dense_strides(x), dense_strides(y)), from, to};
}

// Elements from the start of a tensor to index `index` of an axis.
std::int64_t offset_along(const Shape& shape, int axis, std::int64_t index) {
  return index * shape.count(axis + 1, shape.rank());
}

int axis_of(const Site& site, const Shape& shape) {
  return normalized_axes({site.fields().integer("axis")}, shape.rank()).front();
}

template <class T>
Plan plan_copy(const Target<T>& target, const Copy& copy, std::int64_t from = 0) {
  return make_plan(target.implementation("copy"),
                   [copy, from, run = target.kernels.copy, threads = target.threads](const Io& io) {
                     run(copy, io.in<T>(0) + from, io.out<T>(0), threads);
                   });
}

template <class T>
Plan plan_reshape(const Site& site, const Target<T>& target) {
  const Shape flat{site.output().count()};
  return plan_copy(target, make_copy(flat, dense_strides(flat), dense_strides(flat)));
}

template <class T>
Plan plan_transpose(const Site& site, const Target<T>& target) {
  const Shape &x = site.input(0).shape, &y = site.output().shape;
  const Strides own = dense_strides(x);
  const auto& axes = site.fields().integers("axes");
  Strides permuted{};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    permuted[i] = own[static_cast<std::size_t>(axes[i] < 0 ? axes[i] + x.rank() : axes[i])];
  }
  return plan_copy(target, make_copy(y, permuted, dense_strides(y)));
}

template <class T>
Plan plan_broadcast(const Site& site, const Target<T>& target) {
  const Shape& y = site.output().shape;
  return plan_copy(target, make_copy(y, broadcast_strides(site.input(0).shape, y), dense_strides(y)));
}

template <class T>
Plan plan_concat(const Site& site, const Target<T>& target) {
  const Shape& y = site.output().shape;
  const int axis = axis_of(site, y);
  std::vector<BoxCopy> copies;
  std::int64_t start = 0;
  for (const Port& port : site.inputs) {
    const Shape& x = port.spec.shape;
    copies.push_back(copy_box(x, x, 0, y, offset_along(y, axis, start)));
    start += x[axis];
  }
  return make_plan(target.implementation("copy"),
                   [copies, run = target.kernels.copy, threads = target.threads](const Io& io) {
                     for (std::size_t i = 0; i < copies.size(); ++i) {
                       run(copies[i].copy, io.in<T>(i), io.out<T>(0) + copies[i].to, threads);
                     }
                   });
}

template <class T>
Plan plan_slice(const Site& site, const Target<T>& target) {
  const Shape &x = site.input(0).shape, &y = site.output().shape;
  const std::int64_t from = offset_along(x, axis_of(site, x), site.fields().integer("start"));
  return plan_copy(target, copy_box(y, x, from, y, 0).copy, from);
}

// x in the middle, and one zero copied to either side of it.
template <class T>
Plan plan_pad(const Site& site, const Target<T>& target) {
  const Shape &x = site.input(0).shape, &y = site.output().shape;
  const int axis = axis_of(site, y);
  const std::int64_t before = site.fields().integer("before"), after = site.fields().integer("after");
  const auto zeros = [&](std::int64_t count, std::int64_t index) {
    return BoxCopy{make_copy(y.with(axis, count), Strides{}, dense_strides(y)), 0,
                   offset_along(y, axis, index)};
  };
  return make_plan(target.implementation("copy"),
                   [zero = T(0), first = zeros(before, 0), last = zeros(after, before + x[axis]),
                    middle = copy_box(x, x, 0, y, offset_along(y, axis, before)), run = target.kernels.copy,
                    threads = target.threads](const Io& io) {
                     run(first.copy, &zero, io.out<T>(0) + first.to, threads);
                     run(middle.copy, io.in<T>(0), io.out<T>(0) + middle.to, threads);
                     run(last.copy, &zero, io.out<T>(0) + last.to, threads);
                   });
}

}  // namespace

void add_movement_offers(Offers& offers) {
  offers.add("reshape", []<class T>(const Site& s, const Target<T>& t) { return plan_reshape(s, t); });
  offers.add("transpose", []<class T>(const Site& s, const Target<T>& t) { return plan_transpose(s, t); });
  offers.add("broadcast_to", []<class T>(const Site& s, const Target<T>& t) { return plan_broadcast(s, t); });
  offers.add("concat", []<class T>(const Site& s, const Target<T>& t) { return plan_concat(s, t); });
  offers.add("slice", []<class T>(const Site& s, const Target<T>& t) { return plan_slice(s, t); });
  offers.add("pad", []<class T>(const Site& s, const Target<T>& t) { return plan_pad(s, t); });
}

}  // namespace assay::openmp
