// Normalisation by the statistics of a batch or of a layer: the mean in one pass, the variance about it in a
// second.
#include "assay/core/centred_squares.h"
#include "assay/program/generic_kernel.h"
#include "backends/reference/in_place.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

// x [N, C, …] as [batch, channels, points].
struct Channels {
  std::int64_t batch, channels, points;
  explicit Channels(const Shape& x) : batch(x[0]), channels(x[1]), points(x.count(2, x.rank())) {}
  std::int64_t count() const { return batch * points; }

  // Calls f with the place of each element of channel c, by sample and then by point.
  template <class F>
  void for_each(std::int64_t c, F f) const {
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::int64_t start = (n * channels + c) * points;
      for (std::int64_t i = start; i < start + points; ++i) f(i);
    }
  }
};

// x [B…, D…] as [rows, width].
struct Rows {
  std::int64_t rows, width;
  Rows(const Shape& x, const Fields& fields) {
    const auto axis = static_cast<int>(fields.integer("axis"));
    rows = x.count(0, axis);
    width = x.count(axis, x.rank());
  }
};

// μ = 1/m Σ x; σ² = 1/m Σ (x − μ)²; y = γ (x − μ)/√(σ² + ε) + β
template <class T>
auto batch_norm_loop(const Site& site) {
  const Channels s(site.input(0).shape);
  const double epsilon = site.fields().number("epsilon");
  return [s, epsilon](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    const T m = T(s.count());
    for (std::int64_t c = 0; c < s.channels; ++c) {
      T sum = T(0);
      s.for_each(c, [&](std::int64_t i) { sum += x[i]; });
      const T mean = sum / m;
      const T variance =
          centred_squares(mean, [&](auto add) { s.for_each(c, [&](std::int64_t i) { add(x[i]); }); }) / m;
      const T over_deviation = T(1) / sqrt(variance + T(epsilon));
      const T gamma = io.in<T>(1)[c], beta = io.in<T>(2)[c];
      s.for_each(c, [&](std::int64_t i) { y[i] = gamma * ((x[i] - mean) * over_deviation) + beta; });
      io.out<T>(1)[c] = mean;
      io.out<T>(2)[c] = variance;
    }
  };
}

// With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy; dγ = Σ dy x̂; dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m)
template <class T>
auto batch_norm_grad_loop(const Site& site) {
  const Channels s(site.input(1).shape);
  const double epsilon = site.fields().number("epsilon");
  return [s, epsilon](const Io& io) {
    const T* dy = io.in<T>(0);
    const T* x = io.in<T>(1);
    T* dx = io.out<T>(0);
    const T m = T(s.count());
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const T gamma = io.in<T>(2)[c], mean = io.in<T>(3)[c];
      const T over_deviation = T(1) / sqrt(io.in<T>(4)[c] + T(epsilon));
      T dgamma = T(0), dbeta = T(0);
      s.for_each(c, [&](std::int64_t i) {
        dbeta += dy[i];
        dgamma += dy[i] * ((x[i] - mean) * over_deviation);
      });
      const T mean_dy = dbeta / m, mean_dy_normal = dgamma / m, factor = gamma * over_deviation;
      s.for_each(c, [&](std::int64_t i) {
        const T normal = (x[i] - mean) * over_deviation;
        dx[i] = factor * (dy[i] - mean_dy - normal * mean_dy_normal);
      });
      io.out<T>(1)[c] = dgamma;
      io.out<T>(2)[c] = dbeta;
    }
  };
}

// y = γ (x − μ)/√(σ² + ε) + β
template <class T>
auto batch_norm_inference_loop(const Site& site) {
  const Channels s(site.input(0).shape);
  const double epsilon = site.fields().number("epsilon");
  return [s, epsilon](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const T gamma = io.in<T>(1)[c], beta = io.in<T>(2)[c], mean = io.in<T>(3)[c];
      const T over_deviation = T(1) / sqrt(io.in<T>(4)[c] + T(epsilon));
      s.for_each(c, [&](std::int64_t i) { y[i] = gamma * ((x[i] - mean) * over_deviation) + beta; });
    }
  };
}

template <class T>
auto layer_norm_loop(const Site& site) {
  const Rows s(site.input(0).shape, site.fields());
  const double epsilon = site.fields().number("epsilon");
  return [s, epsilon](const Io& io) {
    const T* gamma = io.in<T>(1);
    const T* beta = io.in<T>(2);
    const T m = T(s.width);
    for (std::int64_t b = 0; b < s.rows; ++b) {
      const T* x = io.in<T>(0) + b * s.width;
      T* y = io.out<T>(0) + b * s.width;
      T sum = T(0);
      for (std::int64_t j = 0; j < s.width; ++j) sum += x[j];
      const T mean = sum / m;
      const T variance = centred_squares(mean,
                                         [&](auto add) {
                                           for (std::int64_t j = 0; j < s.width; ++j) add(x[j]);
                                         }) /
                         m;
      const T over_deviation = T(1) / sqrt(variance + T(epsilon));
      for (std::int64_t j = 0; j < s.width; ++j) y[j] = gamma[j] * ((x[j] - mean) * over_deviation) + beta[j];
      io.out<T>(1)[b] = mean;
      io.out<T>(2)[b] = variance;
    }
  };
}

// With g = γ dy and ⟨·⟩ the mean over a row: dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩)/√(σ² + ε); dγ = Σ_b dy x̂; dβ = Σ_b dy
template <class T>
auto layer_norm_grad_loop(const Site& site) {
  const Rows s(site.input(1).shape, site.fields());
  const double epsilon = site.fields().number("epsilon");
  return [s, epsilon](const Io& io) {
    const T* gamma = io.in<T>(2);
    T* dgamma = io.out<T>(1);
    T* dbeta = io.out<T>(2);
    const T m = T(s.width);
    for (std::int64_t j = 0; j < s.width; ++j) dgamma[j] = dbeta[j] = T(0);
    for (std::int64_t b = 0; b < s.rows; ++b) {
      const T* dy = io.in<T>(0) + b * s.width;
      const T* x = io.in<T>(1) + b * s.width;
      T* dx = io.out<T>(0) + b * s.width;
      const T mean = io.in<T>(3)[b];
      const T over_deviation = T(1) / sqrt(io.in<T>(4)[b] + T(epsilon));
      T sum_g = T(0), sum_g_normal = T(0);
      for (std::int64_t j = 0; j < s.width; ++j) {
        const T normal = (x[j] - mean) * over_deviation, g = gamma[j] * dy[j];
        sum_g += g;
        sum_g_normal += g * normal;
        dgamma[j] += dy[j] * normal;
        dbeta[j] += dy[j];
      }
      const T mean_g = sum_g / m, mean_g_normal = sum_g_normal / m;
      for (std::int64_t j = 0; j < s.width; ++j) {
        const T normal = (x[j] - mean) * over_deviation;
        dx[j] = over_deviation * (gamma[j] * dy[j] - mean_g - normal * mean_g_normal);
      }
    }
  };
}

}  // namespace

void add_normalize_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("batch_norm", for_every_scalar([]<class T>(const Site& s) { return batch_norm_loop<T>(s); }),
              owner);
  kernels.add("batch_norm_grad",
              for_every_scalar([]<class T>(const Site& s) { return batch_norm_grad_loop<T>(s); }), owner);
  kernels.add("batch_norm_inference",
              reference::in_place({{0, 0}}, for_every_scalar([]<class T>(const Site& s) {
                                    return batch_norm_inference_loop<T>(s);
                                  })),
              owner);
  kernels.add("layer_norm", for_every_scalar([]<class T>(const Site& s) { return layer_norm_loop<T>(s); }),
              owner);
  kernels.add("layer_norm_grad",
              for_every_scalar([]<class T>(const Site& s) { return layer_norm_grad_loop<T>(s); }), owner);
}

}  // namespace assay
