// Batch and layer normalisation, in two passes for the statistics: the mean first, then the mean square
// distance from it.
#include <cmath>

#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/square_root.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::Dynamic;

template <class T>
using Run = Eigen::Map<Eigen::Array<T, Dynamic, 1>>;
template <class T>
using ConstRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>>;

// One channel of x [outer, count, inner]: the runs of `inner` elements that lie count · inner apart.
template <class T, class F>
void for_each_run_of_channel(const Extents& e, Index channel, F f) {
  for (Index n = 0; n < e.outer; ++n) f((n * e.count + channel) * e.inner);
}

// Images: a channel is a set of long runs.
template <class T>
void batch_norm_of_planes(const Extents& e, T epsilon, const T* x, const T* weight, const T* bias, T* y,
                          T* mean, T* variance) {
  const auto terms = static_cast<T>(e.outer * e.inner);
  for (Index c = 0; c < e.count; ++c) {
    T sum = T(0), squares = T(0);
    for_each_run_of_channel<T>(e, c, [&](Index at) { sum += ConstRun<T>(x + at, e.inner).sum(); });
    const T center = sum / terms;
    for_each_run_of_channel<T>(
        e, c, [&](Index at) { squares += (ConstRun<T>(x + at, e.inner) - center).square().sum(); });
    mean[c] = center;
    variance[c] = squares / terms;
    const T scale = weight[c] / std::sqrt(variance[c] + epsilon);
    for_each_run_of_channel<T>(e, c, [&](Index at) {
      Run<T>(y + at, e.inner) = (ConstRun<T>(x + at, e.inner) - center) * scale + bias[c];
    });
  }
}

// Vectors: the channels of a sample are one run.
template <class T>
void batch_norm_of_rows(const Extents& e, T epsilon, const T* x, const T* weight, const T* bias, T* y,
                        T* mean, T* variance) {
  const Index n = e.count;
  const auto terms = static_cast<T>(e.outer);
  Run<T> center(mean, n), spread(variance, n);
  const ConstRun<T> factor(weight, n), shift(bias, n);
  center.setZero();
  for (Index i = 0; i < e.outer; ++i) center += ConstRun<T>(x + i * n, n);
  center /= terms;
  spread.setZero();
  for (Index i = 0; i < e.outer; ++i) spread += (ConstRun<T>(x + i * n, n) - center).square();
  spread /= terms;
  for (Index i = 0; i < e.outer; ++i) {
    Run<T>(y + i * n, n) =
        (ConstRun<T>(x + i * n, n) - center) * (factor / square_root(spread + epsilon)) + shift;
  }
}

template <class T>
void batch_norm(const Extents& e, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                T* variance) {
  e.inner > 1 ? batch_norm_of_planes(e, epsilon, x, weight, bias, y, mean, variance)
              : batch_norm_of_rows(e, epsilon, x, weight, bias, y, mean, variance);
}

// With x̂ = (x − mean) / σ and m terms: ∂bias = Σ dy, ∂weight = Σ dy x̂, dx = weight/σ (dy − ∂bias/m − x̂
// ∂weight/m).
template <class T>
void batch_norm_grad(const Extents& e, T epsilon, const T* dy, const T* x, const T* weight, const T* mean,
                     const T* variance, T* dx, T* dweight, T* dbias) {
  const auto terms = static_cast<T>(e.outer * e.inner);
  if (e.inner > 1) {
    for (Index c = 0; c < e.count; ++c) {
      const T center = mean[c], inverse = T(1) / std::sqrt(variance[c] + epsilon);
      T sum = T(0), product = T(0);
      for_each_run_of_channel<T>(e, c, [&](Index at) {
        const ConstRun<T> cotangent(dy + at, e.inner);
        sum += cotangent.sum();
        product += (cotangent * ((ConstRun<T>(x + at, e.inner) - center) * inverse)).sum();
      });
      dbias[c] = sum;
      dweight[c] = product;
      const T scale = weight[c] * inverse, offset = sum / terms, slope = product / terms;
      for_each_run_of_channel<T>(e, c, [&](Index at) {
        const auto normalized = (ConstRun<T>(x + at, e.inner) - center) * inverse;
        Run<T>(dx + at, e.inner) = (ConstRun<T>(dy + at, e.inner) - offset - normalized * slope) * scale;
      });
    }
    return;
  }
  const Index n = e.count;
  const ConstRun<T> factor(weight, n), center(mean, n), spread(variance, n);
  Run<T> sum(dbias, n), product(dweight, n);
  sum.setZero();
  product.setZero();
  for (Index i = 0; i < e.outer; ++i) {
    const ConstRun<T> cotangent(dy + i * n, n), row(x + i * n, n);
    sum += cotangent;
    product += cotangent * ((row - center) / square_root(spread + epsilon));
  }
  for (Index i = 0; i < e.outer; ++i) {
    const ConstRun<T> cotangent(dy + i * n, n), row(x + i * n, n);
    const auto deviation = square_root(spread + epsilon);
    Run<T>(dx + i * n, n) =
        (cotangent - sum / terms - (row - center) / deviation * (product / terms)) * (factor / deviation);
  }
}

template <class T>
void batch_norm_inference(const Extents& e, T epsilon, const T* x, const T* weight, const T* bias,
                          const T* mean, const T* variance, T* y) {
  if (e.inner > 1) {
    for (Index n = 0; n < e.outer; ++n) {
      for (Index c = 0; c < e.count; ++c) {
        const Index at = (n * e.count + c) * e.inner;
        const T scale = weight[c] / std::sqrt(variance[c] + epsilon);
        Run<T>(y + at, e.inner) = (ConstRun<T>(x + at, e.inner) - mean[c]) * scale + bias[c];
      }
    }
    return;
  }
  const Index n = e.count;
  const ConstRun<T> factor(weight, n), shift(bias, n), center(mean, n), spread(variance, n);
  for (Index i = 0; i < e.outer; ++i) {
    Run<T>(y + i * n, n) =
        (ConstRun<T>(x + i * n, n) - center) * (factor / square_root(spread + epsilon)) + shift;
  }
}

template <class T>
void layer_norm(const Extents& e, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                T* variance) {
  const Index n = e.count;
  const auto terms = static_cast<T>(n);
  const ConstRun<T> factor(weight, n), shift(bias, n);
  for (Index i = 0; i < e.outer; ++i) {
    const ConstRun<T> row(x + i * n, n);
    const T center = row.sum() / terms;
    const T spread = (row - center).square().sum() / terms;
    const T inverse = T(1) / std::sqrt(spread + epsilon);
    mean[i] = center;
    variance[i] = spread;
    Run<T>(y + i * n, n) = (row - center) * inverse * factor + shift;
  }
}

// With g = dy · weight and n terms: dx = (g − Σ g / n − x̂ Σ g x̂ / n) / σ.
template <class T>
void layer_norm_grad(const Extents& e, T epsilon, const T* dy, const T* x, const T* weight, const T* mean,
                     const T* variance, T* dx, T* dweight, T* dbias) {
  const Index n = e.count;
  const auto terms = static_cast<T>(n);
  const ConstRun<T> factor(weight, n);
  Run<T> sum(dbias, n), product(dweight, n);
  sum.setZero();
  product.setZero();
  for (Index i = 0; i < e.outer; ++i) {
    const ConstRun<T> cotangent(dy + i * n, n), row(x + i * n, n);
    const T center = mean[i], inverse = T(1) / std::sqrt(variance[i] + epsilon);
    const auto normalized = (row - center) * inverse;
    sum += cotangent;
    product += cotangent * normalized;
    const T offset = (cotangent * factor).sum() / terms;
    const T slope = (cotangent * factor * normalized).sum() / terms;
    Run<T>(dx + i * n, n) = (cotangent * factor - offset - normalized * slope) * inverse;
  }
}

}  // namespace

template <class T>
void add_normalization(Kernels<T>& table) {
  table.batch_norm = batch_norm<T>;
  table.batch_norm_grad = batch_norm_grad<T>;
  table.batch_norm_inference = batch_norm_inference<T>;
  table.layer_norm = layer_norm<T>;
  table.layer_norm_grad = layer_norm_grad<T>;
}

template void add_normalization<float>(Kernels<float>&);
template void add_normalization<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
