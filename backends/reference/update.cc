// Optimizer updates, element by element, each written over its old value where the program wants that.
#include "assay/program/generic_kernel.h"
#include "backends/reference/in_place.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

using reference::in_place;

// g ← g + λ w; w ← w − η g
template <class T>
auto sgd_loop(const Site& site) {
  const std::int64_t n = site.input(0).count();
  const T lambda = T(site.fields().number("weight_decay"));
  return [=](const Io& io) {
    const T* w = io.in<T>(0);
    const T eta = *io.in<T>(2);
    for (std::int64_t i = 0; i < n; ++i) {
      const T g = io.in<T>(1)[i] + lambda * w[i];
      io.out<T>(0)[i] = w[i] - eta * g;
    }
  };
}

// g ← g + λ w; v ← μ v + g; w ← w − η v, or w − η (g + μ v) with nesterov
template <class T>
auto sgd_momentum_loop(const Site& site) {
  const std::int64_t n = site.input(0).count();
  const T lambda = T(site.fields().number("weight_decay")), mu = T(site.fields().number("momentum"));
  const bool nesterov = site.fields().boolean("nesterov");
  return [=](const Io& io) {
    const T* w = io.in<T>(0);
    const T eta = *io.in<T>(3);
    for (std::int64_t i = 0; i < n; ++i) {
      const T g = io.in<T>(1)[i] + lambda * w[i];
      const T v = mu * io.in<T>(2)[i] + g;
      io.out<T>(0)[i] = w[i] - eta * (nesterov ? g + mu * v : v);
      io.out<T>(1)[i] = v;
    }
  };
}

// The type in which constants such as 1 − β are formed before they are rounded to T: a float's 0.999 would be
// off by 10⁻⁵ of 1 − β.
template <class T>
struct Constant {
  using type = double;
};
template <>
struct Constant<Quad> {
  using type = Quad;
};
template <class Wide, class Narrow>
struct Constant<Bound<Wide, Narrow>> {
  using type = Wide;
};
template <class T>
struct Constant<Dual<T>> {
  using type = typename Constant<T>::type;
};

template <class T>
T one_minus(double beta) {
  using C = typename Constant<T>::type;
  return T(static_cast<T>(C(1) - C(beta)));
}

// 1 − βᵗ = −(e^{t log β} − 1), which keeps its accuracy where βᵗ is close to 1.
template <class T>
T one_minus_power(double beta, std::int32_t t) {
  using C = typename Constant<T>::type;
  return beta == 0.0 ? T(1) : static_cast<T>(C(-expm1(C(C(t) * log(C(beta))))));
}

// m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; w ← w − η m̂ / (√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ);
// λ enters g (Adam) or shrinks w by itself (AdamW: decoupled).
template <class T>
auto adam_loop(const Site& site, bool decoupled) {
  const std::int64_t n = site.input(0).count();
  const double beta1 = site.fields().number("beta1"), beta2 = site.fields().number("beta2");
  const T epsilon = T(site.fields().number("epsilon")), lambda = T(site.fields().number("weight_decay"));
  return [=](const Io& io) {
    const T eta = *io.in<T>(4);
    const std::int32_t t = *io.in<std::int32_t>(5);
    const T keep1 = T(beta1), keep2 = T(beta2), take1 = one_minus<T>(beta1), take2 = one_minus<T>(beta2);
    const T correction1 = one_minus_power<T>(beta1, t), correction2 = one_minus_power<T>(beta2, t);
    for (std::int64_t i = 0; i < n; ++i) {
      const T old = io.in<T>(0)[i];
      const T w = decoupled ? (T(1) - eta * lambda) * old : old;
      const T g = decoupled ? io.in<T>(1)[i] : io.in<T>(1)[i] + lambda * old;
      const T m = keep1 * io.in<T>(2)[i] + take1 * g;
      const T v = keep2 * io.in<T>(3)[i] + take2 * (g * g);
      io.out<T>(0)[i] = w - eta * (m / correction1) / (sqrt(T(v / correction2)) + epsilon);
      io.out<T>(1)[i] = m;
      io.out<T>(2)[i] = v;
    }
  };
}

// g ← g + λ w; s ← α s + (1 − α) g²; w ← w − η g/(√s + ε), or with momentum b ← μ b + g/(√s + ε); w ← w − η b
template <class T>
auto rmsprop_loop(const Site& site, bool with_momentum) {
  const std::int64_t n = site.input(0).count();
  const double alpha = site.fields().number("decay");
  const T epsilon = T(site.fields().number("epsilon")), lambda = T(site.fields().number("weight_decay"));
  const T mu = T(with_momentum ? site.fields().number("momentum") : 0.0);
  return [=](const Io& io) {
    const T* w = io.in<T>(0);
    const T eta = *io.in<T>(with_momentum ? 4 : 3);
    const T keep = T(alpha), take = one_minus<T>(alpha);
    for (std::int64_t i = 0; i < n; ++i) {
      const T g = io.in<T>(1)[i] + lambda * w[i];
      const T s = keep * io.in<T>(2)[i] + take * (g * g);
      T direction = g / (sqrt(s) + epsilon);
      if (with_momentum) {
        direction = mu * io.in<T>(3)[i] + direction;
        io.out<T>(2)[i] = direction;
      }
      io.out<T>(0)[i] = w[i] - eta * direction;
      io.out<T>(1)[i] = s;
    }
  };
}

}  // namespace

void add_update_kernels(KernelTable& kernels, std::string_view owner) {
  // Output k succeeds w or a moment: input 0, or the input behind g.
  const std::vector<InPlace> w_only{{0, 0}}, one_moment{{0, 0}, {1, 2}}, two_moments{{0, 0}, {1, 2}, {2, 3}};
  kernels.add(
      "sgd_update",
      in_place(w_only, for_every_scalar<Scalars::all>([]<class T>(const Site& s) { return sgd_loop<T>(s); })),
      owner);
  kernels.add("sgd_momentum_update",
              in_place(one_moment, for_every_scalar<Scalars::all>(
                                       []<class T>(const Site& s) { return sgd_momentum_loop<T>(s); })),
              owner);
  kernels.add(
      "adam_update",
      in_place(two_moments, for_every_scalar([]<class T>(const Site& s) { return adam_loop<T>(s, false); })),
      owner);
  kernels.add(
      "adamw_update",
      in_place(two_moments, for_every_scalar([]<class T>(const Site& s) { return adam_loop<T>(s, true); })),
      owner);
  kernels.add("rmsprop_update", in_place(one_moment, for_every_scalar([]<class T>(const Site& s) {
                                           return rmsprop_loop<T>(s, false);
                                         })),
              owner);
  kernels.add("rmsprop_momentum_update", in_place(two_moments, for_every_scalar([]<class T>(const Site& s) {
                                                    return rmsprop_loop<T>(s, true);
                                                  })),
              owner);
}

}  // namespace assay
