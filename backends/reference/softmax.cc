// Softmax and its logarithm along one axis, each lane of it by itself. The largest x is subtracted first, so
// that every exponential lies in [0, 1] and one of them is 1.
#include "assay/ops/reduce.h"
#include "assay/program/generic_kernel.h"
#include "backends/reference/in_place.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

using reference::in_place;

// A tensor seen as [outer, extent, inner]: a lane is what lies along the axis, in steps of `inner`.
struct Lanes {
  std::int64_t outer, extent, inner;
  Lanes(const Shape& shape, const Fields& fields) {
    const int axis = normalized_axes({fields.integer("axis")}, shape.rank()).front();
    outer = shape.count(0, axis);
    extent = shape[axis];
    inner = shape.count(axis + 1, shape.rank());
  }
  template <class F>
  void for_each(F f) const {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) f(o * extent * inner + i);
    }
  }
};

template <class T>
T largest(const T* x, std::int64_t extent, std::int64_t step) {
  T m = x[0];
  for (std::int64_t k = 1; k < extent; ++k) m = maximum(m, x[k * step]);
  return m;
}

// y_k = e^{x_k − m} / Σ_j e^{x_j − m}
template <class T>
auto softmax_loop(const Site& site) {
  return [lanes = Lanes(site.input(0).shape, site.fields())](const Io& io) {
    lanes.for_each([&, step = lanes.inner](std::int64_t start) {
      const T* x = io.in<T>(0) + start;
      T* y = io.out<T>(0) + start;
      const T m = largest(x, lanes.extent, step);
      T sum = T(0);
      for (std::int64_t k = 0; k < lanes.extent; ++k) {
        y[k * step] = exp(x[k * step] - m);
        sum += y[k * step];
      }
      for (std::int64_t k = 0; k < lanes.extent; ++k) y[k * step] /= sum;
    });
  };
}

// y_k = (x_k − m) − log Σ_j e^{x_j − m}
template <class T>
auto log_softmax_loop(const Site& site) {
  return [lanes = Lanes(site.input(0).shape, site.fields())](const Io& io) {
    lanes.for_each([&, step = lanes.inner](std::int64_t start) {
      const T* x = io.in<T>(0) + start;
      T* y = io.out<T>(0) + start;
      const T m = largest(x, lanes.extent, step);
      T sum = T(0);
      for (std::int64_t k = 0; k < lanes.extent; ++k) sum += exp(x[k * step] - m);
      const T log_sum = log(sum);
      for (std::int64_t k = 0; k < lanes.extent; ++k) y[k * step] = (x[k * step] - m) - log_sum;
    });
  };
}

// dx_k = y_k (dy_k − Σ_j dy_j y_j)
template <class T>
auto softmax_grad_loop(const Site& site) {
  return [lanes = Lanes(site.input(0).shape, site.fields())](const Io& io) {
    lanes.for_each([&, step = lanes.inner](std::int64_t start) {
      const T* dy = io.in<T>(0) + start;
      const T* y = io.in<T>(1) + start;
      T* dx = io.out<T>(0) + start;
      T sum = T(0);
      for (std::int64_t k = 0; k < lanes.extent; ++k) sum += dy[k * step] * y[k * step];
      for (std::int64_t k = 0; k < lanes.extent; ++k) dx[k * step] = y[k * step] * (dy[k * step] - sum);
    });
  };
}

// dx_k = dy_k − e^{y_k} Σ_j dy_j
template <class T>
auto log_softmax_grad_loop(const Site& site) {
  return [lanes = Lanes(site.input(0).shape, site.fields())](const Io& io) {
    lanes.for_each([&, step = lanes.inner](std::int64_t start) {
      const T* dy = io.in<T>(0) + start;
      const T* y = io.in<T>(1) + start;
      T* dx = io.out<T>(0) + start;
      T sum = T(0);
      for (std::int64_t k = 0; k < lanes.extent; ++k) sum += dy[k * step];
      for (std::int64_t k = 0; k < lanes.extent; ++k) dx[k * step] = dy[k * step] - exp(y[k * step]) * sum;
    });
  };
}

}  // namespace

void add_softmax_kernels(KernelTable& kernels, std::string_view owner) {
  const std::vector<InPlace> over_first{{0, 0}}, over_either{{0, 0}, {0, 1}};
  kernels.add(
      "softmax",
      in_place(over_first, for_every_scalar([]<class T>(const Site& s) { return softmax_loop<T>(s); })),
      owner);
  kernels.add(
      "log_softmax",
      in_place(over_first, for_every_scalar([]<class T>(const Site& s) { return log_softmax_loop<T>(s); })),
      owner);
  kernels.add("softmax_grad",
              in_place(over_either, for_every_scalar<Scalars::all>(
                                        []<class T>(const Site& s) { return softmax_grad_loop<T>(s); })),
              owner);
  kernels.add("log_softmax_grad", in_place(over_either, for_every_scalar([]<class T>(const Site& s) {
                                             return log_softmax_grad_loop<T>(s);
                                           })),
              owner);
}

}  // namespace assay
