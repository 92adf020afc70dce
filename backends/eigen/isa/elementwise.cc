// Binary ops, comparisons, selection and reductions: loops over the runs of a nest, in each of which an
// operand is either contiguous or one repeated element.
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/functions.h"
#include "backends/eigen/isa/nest.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::Dynamic;

template <class T>
using ConstRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>>;
template <class T>
using Run = Eigen::Map<Eigen::Array<T, Dynamic, 1>>;

// F is a stateless lambda of two packets.
template <class T, class F>
void binary(const Nest& nest, const T* a, const T* b, T* c) {
  using P = PacketOf<T>;
  const Index n = nest.run;
  const bool repeat_a = nest.run_stride[0] == 0, repeat_b = nest.run_stride[1] == 0;
  for_each_run<3>(nest, [=](Index i, Index j, Index k) {
    if (repeat_a) {
      const P first = packet::pset1<P>(a[i]);
      map(b + j, c + k, n, [first](const P& second) { return F()(first, second); });
    } else if (repeat_b) {
      const P second = packet::pset1<P>(b[j]);
      map(a + i, c + k, n, [second](const P& first) { return F()(first, second); });
    } else {
      map(a + i, b + j, c + k, n, F());
    }
  });
}

template <class T, class F>
void set(Kernels<T>& table, Binary op, F) {
  table.binary[static_cast<int>(op)] = binary<T, F>;
}

template <class T, class F>
void set(Kernels<T>& table, Compare op, F) {
  table.compare[static_cast<int>(op)] = [](const Nest& nest, const T* a, const T* b, std::uint8_t* c) {
    const Index n = nest.run, step_a = nest.run_stride[0], step_b = nest.run_stride[1];
    for_each_run<3>(nest, [=](Index i, Index j, Index k) {
      for (Index r = 0; r < n; ++r) c[k + r] = F()(a[i + r * step_a], b[j + r * step_b]) ? 1 : 0;
    });
  };
}

template <class T>
void where(const Nest& nest, const std::uint8_t* mask, const T* a, const T* b, T* c) {
  const Index n = nest.run;
  const Index step_mask = nest.run_stride[0], step_a = nest.run_stride[1], step_b = nest.run_stride[2];
  for_each_run<4>(nest, [=](Index m, Index i, Index j, Index k) {
    for (Index r = 0; r < n; ++r) {
      const T first = a[i + r * step_a], second = b[j + r * step_b];
      c[k + r] = mask[m + r * step_mask] != 0 ? first : second;
    }
  });
}

// y = Σ x: a run is either summed into one element or added to a run of y.
template <class T>
void sum(const Nest& nest, const T* x, T* y, Index results, Index /*terms*/) {
  Run<T>(y, results).setZero();
  const Index n = nest.run;
  const bool reduced = nest.run_stride[1] == 0;
  for_each_run<2>(nest, [=](Index i, Index j) {
    if (reduced) {
      y[j] += ConstRun<T>(x + i, n).sum();
    } else {
      Run<T>(y + j, n) += ConstRun<T>(x + i, n);
    }
  });
}

template <class T>
void mean(const Nest& nest, const T* x, T* y, Index results, Index terms) {
  sum(nest, x, y, results, terms);
  Run<T>(y, results) /= static_cast<T>(terms);
}

template <class T>
void max(const Nest& nest, const T* x, T* y, Index results, Index /*terms*/) {
  using P = PacketOf<T>;
  Run<T>(y, results).setConstant(-Eigen::NumTraits<T>::infinity());
  const Index n = nest.run;
  const bool reduced = nest.run_stride[1] == 0;
  for_each_run<2>(nest, [=](Index i, Index j) {
    if (reduced) {
      const T largest = ConstRun<T>(x + i, n).template maxCoeff<Eigen::PropagateNaN>();
      if (largest > y[j] || largest != largest) y[j] = largest;
    } else {
      map(x + i, y + j, y + j, n, [](const P& a, const P& b) { return maximum(a, b); });
    }
  });
}

}  // namespace

template <class T>
void add_elementwise(Kernels<T>& table) {
  using P = PacketOf<T>;
  set(table, Binary::add, [](const P& a, const P& b) { return packet::padd(a, b); });
  set(table, Binary::sub, [](const P& a, const P& b) { return packet::psub(a, b); });
  set(table, Binary::mul, [](const P& a, const P& b) { return packet::pmul(a, b); });
  set(table, Binary::div, [](const P& a, const P& b) { return packet::pdiv(a, b); });
  set(table, Binary::maximum, [](const P& a, const P& b) { return maximum(a, b); });
  set(table, Binary::minimum, [](const P& a, const P& b) { return minimum(a, b); });
  set(table, Compare::greater, [](T a, T b) { return a > b; });
  set(table, Compare::equal, [](T a, T b) { return a == b; });
  table.where = where<T>;
  table.reduce[static_cast<int>(Reduction::sum)] = sum<T>;
  table.reduce[static_cast<int>(Reduction::mean)] = mean<T>;
  table.reduce[static_cast<int>(Reduction::max)] = max<T>;
}

template void add_elementwise<float>(Kernels<float>&);
template void add_elementwise<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
