// Losses of a prediction and a target: one sum over all elements (framework/assay/ops/loss.h has the
// formulas).
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/math.h"
#include "backends/openmp/isa/reduce.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

template <class T>
struct SquaredError {
  explicit SquaredError(double) {}
  ASSAY_INLINE Vec<T> operator()(Vec<T> a, Vec<T> y) const { return (a - y) * (a - y); }
};

template <class T>
struct AbsoluteError {
  explicit AbsoluteError(double) {}
  ASSAY_INLINE Vec<T> operator()(Vec<T> a, Vec<T> y) const { return magnitude(a - y); }
};

// r²/2 where |r| ≤ δ, else δ (|r| − δ/2)
template <class T>
struct Huber {
  T delta;
  explicit Huber(double parameter) : delta(static_cast<T>(parameter)) {}
  ASSAY_INLINE Vec<T> operator()(Vec<T> a, Vec<T> y) const {
    const Vec<T> r = a - y, size = magnitude(r);
    return size <= delta ? T(0.5) * (r * r) : delta * (size - delta / T(2));
  }
};

// −y log σ(z) − (1 − y) log(1 − σ(z)), from the side on which the exponential is at most 1.
template <class T>
struct BinaryCrossEntropy {
  explicit BinaryCrossEntropy(double) {}
  ASSAY_INLINE Vec<T> operator()(Vec<T> z, Vec<T> y) const {
    const Vec<T> tail = log1p(exp(Vec<T>{} - magnitude(z)));
    return z > T(0) ? multiply_add(z, T(1) - y, tail) : tail - z * y;
  }
};

template <class T, class Term>
void loss(const Reduction& r, double parameter, T divisor, const T* prediction, const T* target, T* result,
          void* scratch, int threads) {
  const Term term(parameter);
  reduce_runs<Sum, T, 1>(
      r, threads, static_cast<T*>(scratch),
      [&](std::int64_t) {
        return [&](std::int64_t i, auto lanes) {
          return One<T>{term(lanes.load(prediction + i), lanes.load(target + i))};
        };
      },
      [&](std::int64_t, const Several<T, 1>& sum) { *result = sum.of[0] / divisor; });
}

}  // namespace

template <class T>
void add_losses(Kernels<T>& kernels) {
  const auto set = [&](Loss kind, LossKernel<T> kernel) { kernels.loss[static_cast<int>(kind)] = kernel; };
  set(Loss::squared_error, loss<T, SquaredError<T>>);
  set(Loss::absolute_error, loss<T, AbsoluteError<T>>);
  set(Loss::huber, loss<T, Huber<T>>);
  set(Loss::binary_cross_entropy, loss<T, BinaryCrossEntropy<T>>);
}

template void add_losses<float>(Kernels<float>&);
template void add_losses<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
