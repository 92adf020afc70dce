// Softmax and its logarithm along one axis, and the cross entropy on top. The largest x is subtracted first,
// so that every exponential lies in [0, 1] and one of them is 1.
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lines.h"
#include "backends/openmp/isa/math.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// An exponential is worth several elements of cheap work.
constexpr std::int64_t kLineGrain = kGrain / 4;

// The largest element of a line.
template <class T, class Line>
ASSAY_INLINE Vec<T> largest(const Line& line, const T* x) {
  return line.template reduce<Largest>([&](std::int64_t i, auto lanes) { return lanes.load(x + i); });
}

// y_k = e^{x_k − m} / Σ_j e^{x_j − m}
template <class T>
void softmax(const Around& around, const T* x, T* y, int threads) {
  for_each_line<T>(around, threads, kLineGrain, [&](const auto& line, std::int64_t start) {
    const T* from = x + start;
    T* to = y + start;
    const Vec<T> m = largest(line, from);
    const Vec<T> sum = line.template reduce<Sum>([&](std::int64_t i, auto lanes) {
      const Vec<T> e = exp(lanes.load(from + i) - m);
      lanes.store(to + i, e);
      return e;
    });
    line.for_each([&](std::int64_t i, auto lanes) { lanes.store(to + i, lanes.load(to + i) / sum); });
  });
}

// y_k = (x_k − m) − log Σ_j e^{x_j − m}
template <class T>
void log_softmax(const Around& around, const T* x, T* y, int threads) {
  for_each_line<T>(around, threads, kLineGrain, [&](const auto& line, std::int64_t start) {
    const T* from = x + start;
    T* to = y + start;
    const Vec<T> m = largest(line, from);
    const Vec<T> log_sum = log(
        line.template reduce<Sum>([&](std::int64_t i, auto lanes) { return exp(lanes.load(from + i) - m); }));
    line.for_each(
        [&](std::int64_t i, auto lanes) { lanes.store(to + i, (lanes.load(from + i) - m) - log_sum); });
  });
}

// dx_k = y_k (dy_k − Σ_j dy_j y_j)
template <class T>
void softmax_grad(const Around& around, const T* dy, const T* y, T* dx, int threads) {
  for_each_line<T>(around, threads, kLineGrain, [&](const auto& line, std::int64_t start) {
    const auto cotangent = [&](std::int64_t i, auto lanes) { return lanes.load(dy + start + i); };
    const auto value = [&](std::int64_t i, auto lanes) { return lanes.load(y + start + i); };
    const Vec<T> sum = line.template reduce<Sum>(
        [&](std::int64_t i, auto lanes) { return cotangent(i, lanes) * value(i, lanes); });
    line.for_each([&](std::int64_t i, auto lanes) {
      lanes.store(dx + start + i, value(i, lanes) * (cotangent(i, lanes) - sum));
    });
  });
}

// dx_k = dy_k − e^{y_k} Σ_j dy_j
template <class T>
void log_softmax_grad(const Around& around, const T* dy, const T* y, T* dx, int threads) {
  for_each_line<T>(around, threads, kLineGrain, [&](const auto& line, std::int64_t start) {
    const auto cotangent = [&](std::int64_t i, auto lanes) { return lanes.load(dy + start + i); };
    const Vec<T> sum = line.template reduce<Sum>(cotangent);
    line.for_each([&](std::int64_t i, auto lanes) {
      lanes.store(dx + start + i, cotangent(i, lanes) - exp(lanes.load(y + start + i)) * sum);
    });
  });
}

// Σ_k q_k log p_k of one row, with q_k = (1 − s) [k = label] + s/K; its probabilities go to p. A label that
// is no class makes it NaN.
template <class T>
T cross_entropy_row(std::int64_t classes, T smoothing, const T* x, std::int32_t label, T* p) {
  const RunLine<T> row(classes);
  const Vec<T> m = largest(row, x);
  const Vec<T> sum = row.template reduce<Sum>([&](std::int64_t k, auto lanes) {
    const Vec<T> e = exp(lanes.load(x + k) - m);
    lanes.store(p + k, e);
    return e;
  });
  row.for_each([&](std::int64_t k, auto lanes) { lanes.store(p + k, lanes.load(p + k) / sum); });

  const Vec<T> log_sum = log(sum);
  const bool known = label >= 0 && label < classes;
  const T of_label = known ? (x[label] - m[0]) - log_sum[0] : Format<T>::nan;
  const T labelled = (T(1) - smoothing) * of_label;
  if (!(smoothing > T(0))) return labelled;  // else a class of probability 0 costs nothing: 0 · log 0 = 0
  const Vec<T> sum_of_logs =
      row.template reduce<Sum>([&](std::int64_t k, auto lanes) { return (lanes.load(x + k) - m) - log_sum; });
  return labelled + smoothing * sum_of_logs[0] / static_cast<T>(classes);
}

// L = −(1/B) Σ_b Σ_k q_bk log p_bk
template <class T>
void softmax_cross_entropy(const Around& rows, T smoothing, const T* x, const std::int32_t* labels, T* loss,
                           T* probabilities, void* scratch, int threads) {
  const std::int64_t classes = rows.extent;
  T* of_row = static_cast<T*>(scratch);
  parallel_ranges(threads, rows.outer, 1, kLineGrain / classes, [&](Range range) {
    for (std::int64_t b = range.begin; b < range.end; ++b) {
      of_row[b] =
          cross_entropy_row(classes, smoothing, x + b * classes, labels[b], probabilities + b * classes);
    }
  });
  const Several<T, 1> sum = reduce_run<Sum, T, 1>(
      rows.outer, [&](std::int64_t b, auto lanes) { return One<T>{lanes.load(of_row + b)}; });
  *loss = -sum.of[0] / static_cast<T>(rows.outer);
}

// dx_bk = dL (p_bk − q_bk)/B
template <class T>
void softmax_cross_entropy_grad(const Around& rows, T smoothing, const T* dloss, const T* probabilities,
                                const std::int32_t* labels, T* dx, int threads) {
  const std::int64_t classes = rows.extent;
  const T scale = *dloss, batch = static_cast<T>(rows.outer);
  const T elsewhere = smoothing / static_cast<T>(classes), at_label = (T(1) - smoothing) + elsewhere;
  parallel_ranges(threads, rows.outer, 1, kGrain / classes, [&](Range range) {
    for (std::int64_t b = range.begin; b < range.end; ++b) {
      const T* p = probabilities + b * classes;
      T* row = dx + b * classes;
      const bool known = labels[b] >= 0 && labels[b] < classes;
      const T of_label = known ? p[labels[b]] : T(0);  // before dx is written, perhaps over p
      const T q = known ? elsewhere : Format<T>::nan;
      for_lanes<T>(0, classes, [&](std::int64_t k, auto lanes) {
        lanes.store(row + k, scale * (lanes.load(p + k) - q) / batch);
      });
      if (known) row[labels[b]] = scale * (of_label - at_label) / batch;
    }
  });
}

}  // namespace

template <class T>
void add_softmax(Kernels<T>& kernels) {
  kernels.softmax = softmax<T>;
  kernels.log_softmax = log_softmax<T>;
  kernels.softmax_grad = softmax_grad<T>;
  kernels.log_softmax_grad = log_softmax_grad<T>;
  kernels.softmax_cross_entropy = softmax_cross_entropy<T>;
  kernels.softmax_cross_entropy_grad = softmax_cross_entropy_grad<T>;
}

template void add_softmax<float>(Kernels<float>&);
template void add_softmax<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
