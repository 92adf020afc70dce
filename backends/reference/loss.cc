// Losses: one sum over all elements in row-major order, divided once at the end.
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

// L = 1/divisor Σ term(a, y) over all elements; `term` is made per site, from the op's fields.
template <Scalars scalars, class Term, class Divisor>
void add_loss(KernelTable& kernels, std::string_view owner, std::string_view op, Term make_term,
              Divisor divisor_of) {
  kernels.add(op, for_every_scalar<scalars>([make_term, divisor_of]<class T>(const Site& site) {
                const std::int64_t n = site.input(0).count();
                const std::int64_t divisor = divisor_of(site.input(0).shape);
                return [n, divisor, term = make_term(site.fields())](const Io& io) {
                  const T* a = io.in<T>(0);
                  const T* y = io.in<T>(1);
                  T sum = T(0);
                  for (std::int64_t i = 0; i < n; ++i) sum += term(a[i], y[i]);
                  *io.out<T>(0) = sum / T(divisor);
                };
              }),
              owner);
}

// r²/2 where |r| ≤ δ, else δ (|r| − δ/2)
auto huber_term(const Fields& fields) {
  return [delta = fields.number("delta")]<class T>(const T& a, const T& y) -> T {
    const T r = a - y, size = abs(r), d = T(delta);
    return size <= d ? r * r / T(2) : d * (size - d / T(2));
  };
}

// −y log σ(z) − (1 − y) log(1 − σ(z)) with log σ(z) = −log(1 + e^{−z}) and 1 − σ(z) = σ(−z), from the side on
// which the exponential is at most 1. For y in [0, 1] no term is negative, so nothing cancels.
auto binary_cross_entropy_term(const Fields&) {
  return []<class T>(const T& z, const T& y) -> T {
    if (z > T(0)) return z * (T(1) - y) + log1p(exp(-z));
    return log1p(exp(z)) - z * y;
  };
}

// p = softmax(x); L = −1/B Σ_b Σ_k q_bk log p_bk with q_bk = (1 − s) [k = label_b] + s/K
template <class T>
auto softmax_cross_entropy_loop(const Site& site) {
  const std::int64_t rows = site.input(0).shape[0], classes = site.input(0).shape[1];
  const double smoothing = site.fields().number("label_smoothing");
  return [=](const Io& io) {
    const auto* labels = io.in<std::int32_t>(1);
    T total = T(0);
    for (std::int64_t b = 0; b < rows; ++b) {
      const T* x = io.in<T>(0) + b * classes;
      T* p = io.out<T>(1) + b * classes;
      T m = x[0];
      for (std::int64_t k = 1; k < classes; ++k) m = maximum(m, x[k]);
      T sum = T(0);
      for (std::int64_t k = 0; k < classes; ++k) {
        p[k] = exp(x[k] - m);
        sum += p[k];
      }
      for (std::int64_t k = 0; k < classes; ++k) p[k] /= sum;

      const T log_sum = log(sum);
      const auto log_p = [&](std::int64_t k) { return (x[k] - m) - log_sum; };
      const bool known = labels[b] >= 0 && labels[b] < classes;
      const T label_term = known ? log_p(labels[b]) : T(0) / T(0);
      T row = (T(1) - T(smoothing)) * label_term;
      if (smoothing > 0.0) {  // without it, a class of probability 0 costs nothing: 0 · log 0 = 0
        T sum_of_logs = T(0);
        for (std::int64_t k = 0; k < classes; ++k) sum_of_logs += log_p(k);
        row += T(smoothing) * sum_of_logs / T(classes);
      }
      total -= row;
    }
    *io.out<T>(0) = total / T(rows);
  };
}

// dx_bk = dL (p_bk − q_bk)/B
template <class T>
auto softmax_cross_entropy_grad_loop(const Site& site) {
  const std::int64_t rows = site.input(1).shape[0], classes = site.input(1).shape[1];
  const double smoothing = site.fields().number("label_smoothing");
  return [=](const Io& io) {
    const T dloss = *io.in<T>(0);
    const T* p = io.in<T>(1);
    const auto* labels = io.in<std::int32_t>(2);
    T* dx = io.out<T>(0);
    const T elsewhere = T(smoothing) / T(classes);
    const T at_label = (T(1) - T(smoothing)) + elsewhere;
    for (std::int64_t b = 0; b < rows; ++b) {
      const bool known = labels[b] >= 0 && labels[b] < classes;
      for (std::int64_t k = 0; k < classes; ++k) {
        const T q = !known ? T(0) / T(0) : k == labels[b] ? at_label : elsewhere;
        dx[b * classes + k] = dloss * (p[b * classes + k] - q) / T(rows);
      }
    }
  };
}

}  // namespace

void add_loss_kernels(KernelTable& kernels, std::string_view owner) {
  const auto rows = [](const Shape& shape) { return shape[0]; };
  const auto twice_rows = [](const Shape& shape) { return 2 * shape[0]; };
  const auto elements = [](const Shape& shape) { return shape.count(); };
  const auto square = [](const Fields&) {
    return []<class T>(const T& a, const T& y) -> T { return (a - y) * (a - y); };
  };
  const auto absolute = [](const Fields&) {
    return []<class T>(const T& a, const T& y) -> T { return abs(T(a - y)); };
  };

  add_loss<Scalars::all>(kernels, owner, "half_squared_error", square, twice_rows);
  add_loss<Scalars::all>(kernels, owner, "mean_squared_error", square, elements);
  add_loss<Scalars::all>(kernels, owner, "mean_absolute_error", absolute, elements);
  add_loss<Scalars::continuous>(kernels, owner, "huber", huber_term, elements);
  add_loss<Scalars::continuous>(kernels, owner, "binary_cross_entropy", binary_cross_entropy_term, rows);
  kernels.add("softmax_cross_entropy",
              for_every_scalar([]<class T>(const Site& s) { return softmax_cross_entropy_loop<T>(s); }),
              owner);
  kernels.add("softmax_cross_entropy_grad", for_every_scalar<Scalars::all>([]<class T>(const Site& s) {
                return softmax_cross_entropy_grad_loop<T>(s);
              }),
              owner);
}

}  // namespace assay
