// Offers for the ops that move elements: all but the gathers are strided copies.
#include <algorithm>
#include <numeric>
#include <vector>

#include "assay/ops/reduce.h"
#include "backends/eigen/nests.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

int axis_of(const Site& site, const Shape& shape) {
  return normalized_axes({site.fields().integer("axis")}, shape.rank()).front();
}

// A copy of a box of `shape` between two dense tensors, from and to these elements of them.
struct Copy {
  Nest nest;
  Index from = 0, to = 0;
};

Copy copy_box(const Shape& box, const Shape& x, Index from, const Shape& y, Index to) {
  return {make_copy_nest(box, dense_strides(x), dense_strides(y)), from, to};
}

template <class T>
Plan plan_copy(const Kernels<T>& kernels, const Nest& nest, Index from = 0) {
  return make_plan(implementation("copy", kernels), [nest, from, &kernels](const Io& io) {
    kernels.copy(nest, io.in<T>(0) + from, io.out<T>(0));
  });
}

template <class T>
Plan plan_reshape(const Site& site, const Kernels<T>& kernels) {
  const Shape flat{site.output().count()};
  return plan_copy(kernels, make_copy_nest(flat, dense_strides(flat), dense_strides(flat)));
}

template <class T>
Plan plan_transpose(const Site& site, const Kernels<T>& kernels) {
  const Shape& x = site.input(0).shape;
  const Strides own = dense_strides(x);
  const auto& axes = site.fields().integers("axes");
  Strides permuted{};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    permuted[i] = own[static_cast<std::size_t>(axes[i] < 0 ? axes[i] + x.rank() : axes[i])];
  }
  const Shape& y = site.output().shape;
  return plan_copy(kernels, make_copy_nest(y, permuted, dense_strides(y)));
}

template <class T>
Plan plan_broadcast(const Site& site, const Kernels<T>& kernels) {
  const Shape& y = site.output().shape;
  return plan_copy(kernels, make_copy_nest(y, broadcast_strides(site.input(0).shape, y), dense_strides(y)));
}

template <class T>
Plan plan_concat(const Site& site, const Kernels<T>& kernels) {
  const Shape& y = site.output().shape;
  const int axis = axis_of(site, y);
  std::vector<Copy> copies;
  Index start = 0;
  for (const Port& port : site.inputs) {
    const Shape& x = port.spec.shape;
    copies.push_back(copy_box(x, x, 0, y, start * y.count(axis + 1, y.rank())));
    start += x[axis];
  }
  return make_plan(implementation("copy", kernels), [copies, &kernels](const Io& io) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      kernels.copy(copies[i].nest, io.in<T>(i), io.out<T>(0) + copies[i].to);
    }
  });
}

template <class T>
Plan plan_slice(const Site& site, const Kernels<T>& kernels) {
  const Shape &x = site.input(0).shape, &y = site.output().shape;
  const Index start = site.fields().integer("start") * x.count(axis_of(site, x) + 1, x.rank());
  return plan_copy(kernels, copy_box(y, x, start, y, 0).nest, start);
}

template <class T>
Plan plan_pad(const Site& site, const Kernels<T>& kernels) {
  const Shape &x = site.input(0).shape, &y = site.output().shape;
  const Index before = site.fields().integer("before") * y.count(axis_of(site, y) + 1, y.rank());
  return make_plan(implementation("copy", kernels),
                   [copy = copy_box(x, x, 0, y, before), n = y.count(), &kernels](const Io& io) {
                     kernels.fill_rows(io.out<T>(0), 1, n, nullptr);
                     kernels.copy(copy.nest, io.in<T>(0), io.out<T>(0) + copy.to);
                   });
}

// Rows of a table [V, D...] and how many are asked for.
struct Rows {
  Index rows, width, count;
  Rows(const Shape& table, const Shape& index)
      : rows(table[0]), width(table.count(1, table.rank())), count(index.count()) {}
};

template <class T>
Plan plan_gather(const Site& site, const Kernels<T>& kernels) {
  return make_plan(implementation("rows", kernels), [r = Rows(site.input(0).shape, site.input(1).shape),
                                                     &kernels](const Io& io) {
    kernels.gather(io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0), r.rows, r.width, r.count);
  });
}

template <class T>
Plan plan_gather_grad(const Site& site, const Kernels<T>& kernels) {
  return make_plan(implementation("rows", kernels), [r = Rows(site.output().shape, site.input(1).shape),
                                                     &kernels](const Io& io) {
    kernels.gather_grad(io.in<T>(0), io.in<std::int32_t>(1), io.out<T>(0), r.rows, r.width, r.count);
  });
}

}  // namespace

void add_movement_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add = [&](std::string_view op, auto plan) { kernels.add(op, for_f32_and_f64(plan), owner); };
  add("reshape", []<class T>(const Site& s, const Kernels<T>& k) { return plan_reshape(s, k); });
  add("transpose", []<class T>(const Site& s, const Kernels<T>& k) { return plan_transpose(s, k); });
  add("broadcast_to", []<class T>(const Site& s, const Kernels<T>& k) { return plan_broadcast(s, k); });
  add("concat", []<class T>(const Site& s, const Kernels<T>& k) { return plan_concat(s, k); });
  add("slice", []<class T>(const Site& s, const Kernels<T>& k) { return plan_slice(s, k); });
  add("pad", []<class T>(const Site& s, const Kernels<T>& k) { return plan_pad(s, k); });
  add("gather", []<class T>(const Site& s, const Kernels<T>& k) { return plan_gather(s, k); });
  add("gather_grad", []<class T>(const Site& s, const Kernels<T>& k) { return plan_gather_grad(s, k); });
}

}  // namespace assay::eigen
