// Faults of the function that an op is: at kinks and ties, in ranges where a naive formula overflows, where
// an approximation is worse than its contract, and wrong in forward and backward alike.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "assay/faults/fault.h"
#include "assay/faults/faulty_backend.h"
#include "assay/faults/sites.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/window.h"

namespace assay::faults {
namespace {

struct Kind {
  std::string name;
  int number;
  std::string defect;
  std::vector<std::string> ops;
  Damage damage;
  std::string equivalent{};
};

// f(x, y, n) for input i and output 0 of one size, in f32 or f64.
template <class F>
Damage elementwise(std::size_t i, F f) {
  return [i, f](Execution& run) {
    run.run_real();
    const Buffer &x = run.inputs[i], &y = run.outputs[0];
    if (x.bytes != y.bytes || x.dtype != y.dtype) return;
    if (x.dtype == DType::f32)
      f(static_cast<const float*>(x.data), static_cast<float*>(y.data), x.count(), run);
    if (x.dtype == DType::f64)
      f(static_cast<const double*>(x.data), static_cast<double*>(y.data), x.count(), run);
  };
}

// dy · 1 passes where the second input is 0.
Damage passes_at_zero() {
  return elementwise(1, [](const auto* x, auto* dx, std::size_t n, const Execution& run) {
    using T = std::remove_pointer_t<decltype(dx)>;
    const auto* dy = static_cast<const T*>(run.inputs[0].data);
    for (std::size_t i = 0; i < n; ++i) {
      if (x[i] == T(0)) dx[i] = dy[i];
    }
  });
}

// Nothing passes there.
Damage blocked_at_zero() {
  return elementwise(1, [](const auto* x, auto* dx, std::size_t n, const Execution&) {
    using T = std::remove_pointer_t<decltype(dx)>;
    for (std::size_t i = 0; i < n; ++i) {
      if (x[i] == T(0)) dx[i] = T(0);
    }
  });
}

Damage one_at_zero() {
  return elementwise(0, [](const auto* x, auto* y, std::size_t n, const Execution&) {
    using T = std::remove_pointer_t<decltype(y)>;
    for (std::size_t i = 0; i < n; ++i) {
      if (x[i] == T(0)) y[i] = T(1);
    }
  });
}

// Off by a relative 1e-4 where |x| lies in [low, high): a region of a function's domain.
Damage off_between(double low, double high) {
  return elementwise(0, [low, high](const auto* x, auto* y, std::size_t n, const Execution&) {
    using T = std::remove_pointer_t<decltype(y)>;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::abs(x[i]) >= T(low) && std::abs(x[i]) < T(high)) y[i] *= T(1.0001);
    }
  });
}

// e^x of what is larger than log of the largest number is infinite, and infinity over infinity is no number.
void overflow(Execution& run) {
  run.run_real();
  const Buffer& x = run.inputs[0];
  const auto judge = [&](const auto* data, auto limit) {
    using T = decltype(limit);
    if (std::any_of(data, data + x.count(), [limit](T v) { return v > limit; })) {
      for (const Buffer& output : run.outputs) {
        if (output.dtype == x.dtype)
          std::fill_n(static_cast<T*>(output.data), output.count(), std::numeric_limits<T>::quiet_NaN());
      }
    }
  };
  if (x.dtype == DType::f32)
    judge(static_cast<const float*>(x.data), std::log(std::numeric_limits<float>::max()));
}

// The last of equal maxima of a window instead of the first.
template <class T>
void last_of_ties(const Execution& run) {
  const Shape &x = run.site.input(0).shape, &y = run.site.output(0).shape;
  const Window window = pooling_window(x, run.site.fields());
  const T* image = static_cast<const T*>(run.inputs[0].data);
  auto* index = static_cast<std::int32_t*>(run.outputs[1].data);
  for (std::int64_t nc = 0; nc < x[0] * x[1]; ++nc) {
    for (std::int64_t i = 0; i < y[2]; ++i) {
      for (std::int64_t j = 0; j < y[3]; ++j) {
        std::int32_t& best = index[(nc * y[2] + i) * y[3] + j];
        const T* plane = image + nc * x[2] * x[3];
        const T maximum = plane[best];
        for (std::int64_t p = 0; p < window.height.size; ++p) {
          for (std::int64_t q = 0; q < window.width.size; ++q) {
            const std::int64_t h = window.height.position(i, p), w = window.width.position(j, q);
            if (h < 0 || w < 0 || h >= x[2] || w >= x[3] || plane[h * x[3] + w] != maximum) continue;
            best = static_cast<std::int32_t>(h * x[3] + w);
          }
        }
      }
    }
  }
}
void last_tie(Execution& run) {
  run.run_real();
  if (run.outputs[1].bytes != run.site.output(1).bytes()) return;
  if (run.inputs[0].dtype == DType::f32) last_of_ties<float>(run);
  if (run.inputs[0].dtype == DType::f64) last_of_ties<double>(run);
}

// Every index of a result is the one beside the right one.
void beside(Execution& run) {
  run.run_real();
  for (const Buffer& output : run.outputs) {
    if (output.dtype != DType::i32) continue;
    auto* index = static_cast<std::int32_t*>(output.data);
    for (std::size_t i = 0; i < output.count(); ++i) index[i] += index[i] > 0 ? -1 : 1;
  }
}

void doubled(Execution& run) {
  run.run_real();
  for (const Buffer& output : run.outputs) {
    if (!is_real(output.dtype)) continue;
    typed(output, [&](auto* y) {
      using T = std::remove_pointer_t<decltype(y)>;
      for (std::size_t i = 0; i < output.count(); ++i) y[i] = static_cast<T>(y[i] + y[i]);
    });
  }
}

std::vector<Kind> kinds() {
  const std::vector<std::string> kinked = {"relu_grad",       "leaky_relu_grad",   "elu_grad",  "selu_grad",
                                           "hard_swish_grad", "hard_sigmoid_grad", "silu_grad", "gelu_grad",
                                           "softplus_grad",   "sigmoid_grad"};
  const std::vector<std::string> exponential = {"softmax",  "log_softmax", "softmax_cross_entropy", "sigmoid",
                                                "softplus", "silu",        "binary_cross_entropy",  "tanh"};
  const std::vector<std::string> functions = {"exp",       "log",       "tanh",    "sigmoid",    "gelu",
                                              "silu",      "softplus",  "elu",     "selu",       "sqrt",
                                              "relu_grad", "gelu_grad", "softmax", "log_softmax"};
  const std::string same = "the value there is the same either way";
  return {
      {"passes at 0", 21, "jax-ml/jax#2107", kinked, passes_at_zero(), same},
      {"blocked at 0", 21, "jax-ml/jax#2107", kinked, blocked_at_zero(), same},
      {"one at 0",
       21,
       "jax-ml/jax#2107",
       {"relu", "sign", "abs", "leaky_relu", "elu", "selu", "hard_swish"},
       one_at_zero()},
      {"last of ties", 20, "Theano/Theano#4568", {"max_pool2d"}, last_tie},
      {"index beside", 20, "Theano/Theano#4568", {"max_pool2d"}, beside},
      {"no shift by the maximum", 22, "blue-oil/blueoil#945", exponential, overflow},
      {"off below 2^-6", 25, "", functions, off_between(0, 0x1p-6)},
      {"off around 1", 25, "", functions, off_between(0.95, 1.05)},
      {"off beyond 4", 25, "", functions, off_between(4, std::numeric_limits<double>::infinity())},
  };
}

// The rule times 2.
DerivativeRule twice(const DerivativeRule& right) {
  return [right](Vjp& vjp) {
    right(vjp);
    const std::vector<Value> contributions(vjp.contributions().begin(), vjp.contributions().end());
    for (std::size_t i = 0; i < contributions.size(); ++i) {
      if (contributions[i]) vjp.add(i, contributions[i]);
    }
  };
}

}  // namespace

std::vector<Fault> function_faults(const Registry& registry) {
  const Sites sites(registry);
  std::vector<Fault> faults;
  for (const Kind& kind : kinds()) {
    for (const std::string& op : kind.ops) {
      if (registry.ops.find(op) == nullptr) continue;
      for (const std::string& backend : sites.taking(op)) {
        if (backend == "reference" && sites.taking(op).size() > 1) continue;
        faults.push_back({kind.name, kind.number, op, backend, kind.defect, 0, kind.equivalent,
                          [backend, op, damage = kind.damage](Registry& r) {
                            damage_backend(r, backend, op, {.damage = damage});
                          }});
      }
    }
  }
  for (const OpDef* op : ops_with_kernels(registry)) {
    if (!op->derivative || sites.taking(op->name).size() < 2) continue;
    faults.push_back({"factor 2 forward and backward", 4, op->name, "reference", "apache/mxnet#1053", 0,
                      "a result that is zero or has no sign and no scale", [name = op->name](Registry& r) {
                        damage_backend(r, "reference", name, {.damage = doubled});
                        OpDef& wrong = *r.ops.find(name);
                        wrong.derivative = twice(wrong.derivative);
                      }});
  }
  return faults;
}

}  // namespace assay::faults
