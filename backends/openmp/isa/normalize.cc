// Normalisation by the statistics of a batch or of a layer: the mean in one pass, the variance about it in a
// second.
#include "backends/openmp/isa/activations.h"
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lines.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

template <class V>
ASSAY_INLINE V over_deviation(V variance, Element<V> epsilon) {
  return Element<V>(1) / sqrt(variance + epsilon);
}

// make_body(parameter) is a body(i, lanes) for the elements of x [batch, channels, points], where
// parameter(table) reads a table that has an entry per channel.
template <class T, class MakeBody>
void for_each_in_channels(const Around& x, int threads, const MakeBody& make_body) {
  if (x.inner > 1) {
    parallel_ranges(threads, x.outer * x.extent, 1, kGrain / x.inner, [&](Range planes) {
      for (std::int64_t plane = planes.begin; plane < planes.end; ++plane) {
        const std::int64_t c = plane % x.extent;
        for_lanes<T>(plane * x.inner, (plane + 1) * x.inner,
                     make_body([c](const T* table) { return splat(table[c]); }));
      }
    });
    return;
  }
  parallel_ranges(threads, x.outer * x.inner, 1, kGrain / larger(1, x.extent), [&](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for_lanes<T>(0, x.extent, [&](std::int64_t c, auto lanes) {
        make_body([&](const T* table) { return lanes.load(table + c); })(row * x.extent + c, lanes);
      });
    }
  });
}

// y = f(γ (x − μ) · inverse + β), with inverse = 1/√(σ² + ε)
template <class T, class F>
void normalize(const Around& around, const T* x, const T* weight, const T* bias, const T* mean,
               const T* inverse, F f, T* y, int threads) {
  for_each_in_channels<T>(around, threads, [=](auto parameter) {
    const Vec<T> gamma = parameter(weight), beta = parameter(bias);
    const Vec<T> mu = parameter(mean), inv = parameter(inverse);
    return [=](std::int64_t i, auto lanes) {
      lanes.store(y + i, f(multiply_add(gamma, (lanes.load(x + i) - mu) * inv, beta)));
    };
  });
}
template <class T>
void normalize(const Around& around, const T* x, const T* weight, const T* bias, const T* mean,
               const T* inverse, bool relu, T* y, int threads) {
  if (relu) return normalize(around, x, weight, bias, mean, inverse, Relu<T>(0), y, threads);
  normalize(around, x, weight, bias, mean, inverse, Identity<T>(0), y, threads);
}

// μ = 1/m Σ x; σ² = 1/m Σ (x − μ)²
template <class T>
void batch_norm(const Reduction& r, const Around& around, T epsilon, const T* x, const T* weight,
                const T* bias, bool relu, T* y, T* mean, T* variance, void* scratch, int threads) {
  T* inverse = static_cast<T*>(scratch);
  T* partials = inverse + around.extent;
  const T m = static_cast<T>(r.runs * r.run);
  reduce<Sum, T, 1>(
      r, threads, partials,
      [x](auto) { return [x](std::int64_t i, auto lanes) { return One<T>{lanes.load(x + i)}; }; },
      [&](std::int64_t c, auto lanes, const One<T>& sum) { lanes.store(mean + c, sum.of[0] / m); });
  reduce<Sum, T, 1>(
      r, threads, partials,
      [x, mean](auto parameter) {
        return [x, mu = parameter(mean)](std::int64_t i, auto lanes) {
          const Vec<T> distance = lanes.load(x + i) - mu;
          return One<T>{distance * distance};
        };
      },
      [&](std::int64_t c, auto lanes, const One<T>& sum) {
        const Vec<T> square = sum.of[0] / m;
        lanes.store(variance + c, square);
        lanes.store(inverse + c, over_deviation(square, epsilon));
      });
  normalize<T>(around, x, weight, bias, mean, inverse, relu, y, threads);
}

template <class T>
void batch_norm_inference(const Around& around, T epsilon, const T* x, const T* weight, const T* bias,
                          const T* mean, const T* variance, bool relu, T* y, void* scratch, int threads) {
  T* inverse = static_cast<T*>(scratch);
  for_lanes<T>(0, around.extent, [&](std::int64_t c, auto lanes) {
    lanes.store(inverse + c, over_deviation(lanes.load(variance + c), epsilon));
  });
  normalize<T>(around, x, weight, bias, mean, inverse, relu, y, threads);
}

// With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy; dγ = Σ dy x̂; dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m).
// cotangent(i, lanes): dy.
template <class T, class Cotangent>
void batch_norm_grad(const Reduction& r, const Around& around, T epsilon, Cotangent cotangent, const T* x,
                     const T* weight, const T* mean, const T* variance, T* dx, T* dweight, T* dbias,
                     void* scratch, int threads) {
  // A table per channel of each of these.
  T* inverse = static_cast<T*>(scratch);
  T* factor = inverse + around.extent;
  T* mean_dy = factor + around.extent;
  T* mean_dy_normal = mean_dy + around.extent;
  T* partials = mean_dy_normal + around.extent;
  for_lanes<T>(0, around.extent, [&](std::int64_t c, auto lanes) {
    const Vec<T> v = over_deviation(lanes.load(variance + c), epsilon);
    lanes.store(inverse + c, v);
    lanes.store(factor + c, lanes.load(weight + c) * v);
  });
  const T m = static_cast<T>(r.runs * r.run);
  reduce<Sum, T, 2>(
      r, threads, partials,
      [=](auto parameter) {
        return [=, mu = parameter(mean), inv = parameter(inverse)](std::int64_t i, auto lanes) {
          const Vec<T> d = cotangent(i, lanes);
          return Two<T>{d, d * ((lanes.load(x + i) - mu) * inv)};
        };
      },
      [&](std::int64_t c, auto lanes, const Two<T>& sums) {
        lanes.store(dbias + c, sums.of[0]);
        lanes.store(dweight + c, sums.of[1]);
        lanes.store(mean_dy + c, sums.of[0] / m);
        lanes.store(mean_dy_normal + c, sums.of[1] / m);
      });
  for_each_in_channels<T>(around, threads, [=](auto parameter) {
    const Vec<T> mu = parameter(mean), inv = parameter(inverse), scale = parameter(factor);
    const Vec<T> offset = parameter(mean_dy), slope = parameter(mean_dy_normal);
    return [=](std::int64_t i, auto lanes) {
      const Vec<T> normal = (lanes.load(x + i) - mu) * inv;
      lanes.store(dx + i, scale * ((cotangent(i, lanes) - offset) - normal * slope));
    };
  });
}
template <class T>
void batch_norm_grad(const Reduction& r, const Around& around, T epsilon, const T* dy, const T* gate,
                     const T* x, const T* weight, const T* mean, const T* variance, T* dx, T* dweight,
                     T* dbias, void* scratch, int threads) {
  const auto with = [&](auto cotangent) {
    batch_norm_grad(r, around, epsilon, cotangent, x, weight, mean, variance, dx, dweight, dbias, scratch,
                    threads);
  };
  if (gate == nullptr) return with([dy](std::int64_t i, auto lanes) { return lanes.load(dy + i); });
  with([dy, gate](std::int64_t i, auto lanes) {
    return Relu<T>(0).grad(lanes.load(dy + i), lanes.load(gate + i));
  });
}

template <class T>
void layer_norm(const Around& rows, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                T* variance, int threads) {
  const std::int64_t width = rows.extent;
  const T m = static_cast<T>(width);
  parallel_ranges(threads, rows.outer, 1, kGrain / width, [&](Range range) {
    const RunLine<T> line(width);
    for (std::int64_t b = range.begin; b < range.end; ++b) {
      const T* from = x + b * width;
      T* to = y + b * width;
      const Vec<T> mu =
          line.template reduce<Sum>([&](std::int64_t j, auto lanes) { return lanes.load(from + j); }) / m;
      const Vec<T> square = line.template reduce<Sum>([&](std::int64_t j, auto lanes) {
        const Vec<T> distance = lanes.load(from + j) - mu;
        return distance * distance;
      }) / m;
      const Vec<T> inverse = over_deviation(square, epsilon);
      mean[b] = mu[0];
      variance[b] = square[0];
      line.for_each([&](std::int64_t j, auto lanes) {
        const Vec<T> normal = (lanes.load(from + j) - mu) * inverse;
        lanes.store(to + j, multiply_add(lanes.load(weight + j), normal, lanes.load(bias + j)));
      });
    }
  });
}

// With g = γ dy and ⟨·⟩ the mean over a row: dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩)/√(σ² + ε); dγ = Σ_b dy x̂; dβ = Σ_b dy
template <class T>
void layer_norm_grad(const Reduction& columns, const Around& rows, T epsilon, const T* dy, const T* x,
                     const T* weight, const T* mean, const T* variance, T* dx, T* dweight, T* dbias,
                     void* scratch, int threads) {
  const std::int64_t width = rows.extent;
  T* inverse = static_cast<T*>(scratch);
  T* partials = inverse + rows.outer;
  for_lanes<T>(0, rows.outer, [&](std::int64_t b, auto lanes) {
    lanes.store(inverse + b, over_deviation(lanes.load(variance + b), epsilon));
  });
  reduce_columns<Sum, T, 2>(
      columns, threads, partials,
      [=](std::int64_t b, std::int64_t offset, std::int64_t) {
        return [=, mu = splat(mean[b]), inv = splat(inverse[b])](std::int64_t column, auto lanes) {
          const Vec<T> cotangent = lanes.load(dy + offset + column);
          return Two<T>{cotangent, cotangent * ((lanes.load(x + offset + column) - mu) * inv)};
        };
      },
      [&](std::int64_t column, auto lanes, const Two<T>& sums) {
        lanes.store(dbias + column, sums.of[0]);
        lanes.store(dweight + column, sums.of[1]);
      });
  // dx last: it may lie over dy or x.
  const T m = static_cast<T>(width);
  parallel_ranges(threads, rows.outer, 1, kGrain / width, [&](Range range) {
    for (std::int64_t b = range.begin; b < range.end; ++b) {
      const Vec<T> mu = splat(mean[b]), inv = splat(inverse[b]);
      const auto g = [=](std::int64_t j, auto lanes) {
        return lanes.load(weight + j) * lanes.load(dy + b * width + j);
      };
      const auto normal = [=](std::int64_t j, auto lanes) {
        return (lanes.load(x + b * width + j) - mu) * inv;
      };
      const Several<T, 2> sums = reduce_run<Sum, T, 2>(width, [&](std::int64_t j, auto lanes) {
        return Two<T>{g(j, lanes), g(j, lanes) * normal(j, lanes)};
      });
      const T mean_g = sums.of[0] / m, mean_g_normal = sums.of[1] / m;
      for_lanes<T>(0, width, [&](std::int64_t j, auto lanes) {
        lanes.store(dx + b * width + j, inv * ((g(j, lanes) - mean_g) - normal(j, lanes) * mean_g_normal));
      });
    }
  });
}

}  // namespace

template <class T>
void add_normalizations(Kernels<T>& kernels) {
  kernels.batch_norm = batch_norm<T>;
  kernels.batch_norm_grad = batch_norm_grad<T>;
  kernels.batch_norm_inference = batch_norm_inference<T>;
  kernels.layer_norm = layer_norm<T>;
  kernels.layer_norm_grad = layer_norm_grad<T>;
}

template void add_normalizations<float>(Kernels<float>&);
template void add_normalizations<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
