// Softmax, its logarithm and the cross entropy on top, from logits shifted by their maximum.
#include <cmath>

#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/functions.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::Dynamic;

template <class T>
using Run = Eigen::Map<Eigen::Array<T, Dynamic, 1>>;
template <class T>
using ConstRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>>;

// y = e^{x − max x}; returns max x and Σ y.
template <class T>
struct Shifted {
  T maximum, sum;
};
template <class T>
Shifted<T> shifted_exponentials(const T* x, T* y, Index n) {
  using P = PacketOf<T>;
  const T maximum = ConstRun<T>(x, n).template maxCoeff<Eigen::PropagateNaN>();
  const P shift = packet::pset1<P>(maximum);
  map(x, y, n, [shift](const P& value) { return exp(packet::psub(value, shift)); });
  return {maximum, Run<T>(y, n).sum()};
}

// The same for every column of x [rows, columns], with the maxima and sums in rows of their own.
template <class T>
void shifted_exponentials(const T* x, T* y, T* maxima, T* sums, Index rows, Index columns) {
  using P = PacketOf<T>;
  Run<T> largest(maxima, columns), total(sums, columns);
  largest = ConstRun<T>(x, columns);
  for (Index i = 1; i < rows; ++i) {
    map(x + i * columns, maxima, maxima, columns, [](const P& a, const P& b) { return maximum(a, b); });
  }
  total.setZero();
  for (Index i = 0; i < rows; ++i) {
    T* row = y + i * columns;
    map(x + i * columns, maxima, row, columns,
        [](const P& value, const P& shift) { return exp(packet::psub(value, shift)); });
    total += Run<T>(row, columns);
  }
}

template <class T>
void softmax(const Extents& e, const T* x, T* y, void* scratch) {
  const Index block = e.count * e.inner;
  if (e.count == 0) return;
  for (Index o = 0; o < e.outer; ++o, x += block, y += block) {
    if (e.inner == 1) {
      const T sum = shifted_exponentials(x, y, e.count).sum;
      Run<T>(y, e.count) /= sum;
    } else {
      T* maxima = static_cast<T*>(scratch);
      T* sums = maxima + e.inner;
      shifted_exponentials(x, y, maxima, sums, e.count, e.inner);
      for (Index i = 0; i < e.count; ++i) Run<T>(y + i * e.inner, e.inner) /= Run<T>(sums, e.inner);
    }
  }
}

// (x − max) − log Σ e^{x − max}; y holds the exponentials until the sum is known.
template <class T>
void log_softmax(const Extents& e, const T* x, T* y, void* scratch) {
  using P = PacketOf<T>;
  const Index block = e.count * e.inner;
  if (e.count == 0) return;
  for (Index o = 0; o < e.outer; ++o, x += block, y += block) {
    if (e.inner == 1) {
      const Shifted<T> shifted = shifted_exponentials(x, y, e.count);
      Run<T>(y, e.count) = (ConstRun<T>(x, e.count) - shifted.maximum) - std::log(shifted.sum);
    } else {
      T* maxima = static_cast<T*>(scratch);
      T* sums = maxima + e.inner;
      shifted_exponentials(x, y, maxima, sums, e.count, e.inner);
      map(sums, sums, e.inner, [](const P& sum) { return log(sum); });
      for (Index i = 0; i < e.count; ++i) {
        Run<T>(y + i * e.inner, e.inner) =
            (ConstRun<T>(x + i * e.inner, e.inner) - Run<T>(maxima, e.inner)) - Run<T>(sums, e.inner);
      }
    }
  }
}

// dx = y (dy − Σ dy y)
template <class T>
void softmax_grad(const Extents& e, const T* dy, const T* y, T* dx, void* scratch) {
  const Index n = e.inner;
  for (Index o = 0; o < e.outer; ++o, dy += e.count * n, y += e.count * n, dx += e.count * n) {
    if (n == 1) {
      const ConstRun<T> cotangent(dy, e.count), value(y, e.count);
      const T product = (cotangent * value).sum();
      Run<T>(dx, e.count) = value * (cotangent - product);
    } else {
      Run<T> product(static_cast<T*>(scratch), n);
      product.setZero();
      for (Index i = 0; i < e.count; ++i) product += ConstRun<T>(dy + i * n, n) * ConstRun<T>(y + i * n, n);
      for (Index i = 0; i < e.count; ++i) {
        Run<T>(dx + i * n, n) = ConstRun<T>(y + i * n, n) * (ConstRun<T>(dy + i * n, n) - product);
      }
    }
  }
}

// dx = dy − e^y Σ dy
template <class T>
void log_softmax_grad(const Extents& e, const T* dy, const T* y, T* dx, void* scratch) {
  using P = PacketOf<T>;
  const Index n = e.inner;
  for (Index o = 0; o < e.outer; ++o, dy += e.count * n, y += e.count * n, dx += e.count * n) {
    if (n == 1) {
      const P sum = packet::pset1<P>(ConstRun<T>(dy, e.count).sum());
      map(dy, y, dx, e.count, [sum](const P& cotangent, const P& value) {
        return packet::psub(cotangent, packet::pmul(exp(value), sum));
      });
    } else {
      Run<T> sum(static_cast<T*>(scratch), n);
      sum.setZero();
      for (Index i = 0; i < e.count; ++i) sum += ConstRun<T>(dy + i * n, n);
      for (Index i = 0; i < e.count; ++i) {
        Run<T> row(dx + i * n, n);
        map(y + i * n, dx + i * n, n, [](const P& value) { return exp(value); });
        row = ConstRun<T>(dy + i * n, n) - row * sum;
      }
    }
  }
}

// loss = (1/B) Σ_b [log Σ_k e^{z_bk} − Σ_k q_bk z_bk] with the targets q = (1 − s) one_hot(label) + s/K. A
// label that is no class makes the loss NaN.
template <class T>
void softmax_cross_entropy(const Extents& e, T smoothing, const T* logits, const std::int32_t* labels,
                           T* loss, T* probabilities) {
  const Index classes = e.count;
  T total = T(0);
  for (Index b = 0; b < e.outer; ++b) {
    const ConstRun<T> z(logits + b * classes, classes);
    Run<T> p(probabilities + b * classes, classes);
    const Shifted<T> shifted =
        shifted_exponentials(logits + b * classes, probabilities + b * classes, classes);
    p /= shifted.sum;
    const bool known = labels[b] >= 0 && labels[b] < classes;
    T target = known ? z[labels[b]] - shifted.maximum : Eigen::NumTraits<T>::quiet_NaN();
    if (smoothing > T(0)) {
      target =
          (T(1) - smoothing) * target + smoothing * ((z - shifted.maximum).sum() / static_cast<T>(classes));
    }
    total += std::log(shifted.sum) - target;
  }
  *loss = total / static_cast<T>(e.outer);
}

// dz = dloss/B (p − q)
template <class T>
void softmax_cross_entropy_grad(const Extents& e, T smoothing, const T* dloss, const T* probabilities,
                                const std::int32_t* labels, T* dlogits) {
  const Index classes = e.count;
  const T scale = *dloss / static_cast<T>(e.outer), rest = smoothing / static_cast<T>(classes);
  for (Index b = 0; b < e.outer; ++b) {
    const ConstRun<T> p(probabilities + b * classes, classes);
    Run<T> dz(dlogits + b * classes, classes);
    if (labels[b] < 0 || labels[b] >= classes) {
      dz.setConstant(Eigen::NumTraits<T>::quiet_NaN());
      continue;
    }
    const T target = (T(1) - smoothing) + rest, probability = p[labels[b]];
    dz = (p - rest) * scale;
    dz[labels[b]] = (probability - target) * scale;
  }
}

}  // namespace

template <class T>
void add_softmax(Kernels<T>& table) {
  table.softmax = softmax<T>;
  table.log_softmax = log_softmax<T>;
  table.softmax_grad = softmax_grad<T>;
  table.log_softmax_grad = log_softmax_grad<T>;
  table.softmax_cross_entropy = softmax_cross_entropy<T>;
  table.softmax_cross_entropy_grad = softmax_cross_entropy_grad<T>;
}

template void add_softmax<float>(Kernels<float>&);
template void add_softmax<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
