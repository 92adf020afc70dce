// The activation functions on vectors. Each is constructed from its parameter (slope or α, unused by the
// others); operator() is f, and grad(dy, kept) is dy ⊙ f′, where `kept` is the output for sigmoid, relu and
// tanh and the input for the rest. Formulas and their sources stand in framework/assay/ops/activation.h.
#pragma once

#include "backends/openmp/isa/math.h"
#include "backends/openmp/kernel_types.h"

namespace assay::openmp::ASSAY_ISA {

template <class T>
struct Identity {
  using V = Vec<T>;
  explicit Identity(double) {}
  ASSAY_INLINE V operator()(V x) const { return x; }
  ASSAY_INLINE V grad(V dy, V) const { return dy; }
};

template <class T>
struct Sigmoid {
  using V = Vec<T>;
  explicit Sigmoid(double) {}
  ASSAY_INLINE V operator()(V x) const { return sigmoid(x); }
  ASSAY_INLINE V grad(V dy, V y) const { return dy * (y * (T(1) - y)); }
};

template <class T>
struct Relu {
  using V = Vec<T>;
  explicit Relu(double) {}
  ASSAY_INLINE V operator()(V x) const { return x <= T(0) ? V{} : x; }  // NaN stays
  ASSAY_INLINE V grad(V dy, V y) const { return dy * (y > T(0) ? V{} + T(1) : V{}); }
};

template <class T>
struct Tanh {
  using V = Vec<T>;
  explicit Tanh(double) {}
  ASSAY_INLINE V operator()(V x) const { return tanh(x); }
  ASSAY_INLINE V grad(V dy, V y) const { return dy * ((T(1) - y) * (T(1) + y)); }
};

template <class T>
struct LeakyRelu {
  using V = Vec<T>;
  T slope;
  explicit LeakyRelu(double parameter) : slope(static_cast<T>(parameter)) {}
  ASSAY_INLINE V operator()(V x) const { return x > T(0) ? x : slope * x; }
  ASSAY_INLINE V grad(V dy, V x) const { return x > T(0) ? dy : slope * dy; }
};

template <class T>
struct Elu {
  using V = Vec<T>;
  T alpha;
  explicit Elu(double parameter) : alpha(static_cast<T>(parameter)) {}
  ASSAY_INLINE V operator()(V x) const { return x > T(0) ? x : alpha * expm1(x); }
  ASSAY_INLINE V grad(V dy, V x) const { return x > T(0) ? dy : dy * (alpha * exp(x)); }
};

template <class T>
struct Selu {
  using V = Vec<T>;
  static constexpr T kScale = static_cast<T>(1.0507009873554804934193349852946);
  static constexpr T kScaleAlpha =
      static_cast<T>(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717);
  explicit Selu(double) {}
  ASSAY_INLINE V operator()(V x) const { return x > T(0) ? kScale * x : kScaleAlpha * expm1(x); }
  ASSAY_INLINE V grad(V dy, V x) const { return x > T(0) ? dy * kScale : dy * (kScaleAlpha * exp(x)); }
};

template <class T>
struct Softplus {
  using V = Vec<T>;
  explicit Softplus(double) {}
  ASSAY_INLINE V operator()(V x) const { return softplus(x); }
  ASSAY_INLINE V grad(V dy, V x) const { return dy * sigmoid(x); }
};

template <class T>
struct Silu {
  using V = Vec<T>;
  explicit Silu(double) {}
  ASSAY_INLINE V operator()(V x) const { return sigmoid(x, x); }
  // 1 − σ(x) = σ(−x)
  ASSAY_INLINE V grad(V dy, V x) const {
    const V s = sigmoid(x);
    return dy * (s * multiply_add(x, sigmoid(-x), V{} + T(1)));
  }
};

template <class T>
struct GeluErf {
  using V = Vec<T>;
  explicit GeluErf(double) {}
  ASSAY_INLINE V operator()(V x) const { return normal_cdf(x, x); }
  ASSAY_INLINE V grad(V dy, V x) const { return dy * gelu_derivative(x); }
};

template <class T>
struct GeluTanh {
  using V = Vec<T>;
  // 2 √(2/π), what of it the format cuts off, and its multiples: constants multiplied out leave the fewest
  // roundings.
  static constexpr long double kTwiceRoot = 1.59576912160573071175978423973752L;
  static constexpr T kHigh = static_cast<T>(kTwiceRoot), kLow = static_cast<T>(kTwiceRoot - kHigh);
  static constexpr T kCubic = static_cast<T>(kTwiceRoot * 0.044715L);
  explicit GeluTanh(double) {}
  // x σ(2u), u = √(2/π) (x + 0.044715 x³). The error of 2u becomes a relative one of its exponential.
  ASSAY_INLINE static V twice_u(V x) {
    return multiply_add(x, V{} + kHigh, x * multiply_add(V{} + kCubic, x * x, V{} + kLow));
  }
  ASSAY_INLINE V operator()(V x) const { return sigmoid(twice_u(x), x); }
  // σ(2u) + x σ(2u) σ(−2u) 2u′ over one denominator, (1 + e)² with e = e^{−|2u|}: near the root, at −0.75,
  // that leaves the fewest roundings in front of the cancellation.
  ASSAY_INLINE V grad(V dy, V x) const {
    const V bounded = clamp(x, T(-32), T(32));  // beyond, one of the factors is 0 and the other overflows
    const V e = exp(V{} - magnitude(twice_u(bounded)));
    const V w = e + T(1);
    const V slope = multiply_add(V{} + T(3) * kCubic, bounded * bounded, V{} + kHigh);
    const V one = V{} + T(1);
    const V sum = multiply_add(x < T(0) ? bounded : bounded * e, slope, w);
    return dy * ((x < T(0) ? e : one) / (w * w) * sum);
  }
};

template <class T>
struct HardSigmoid {
  using V = Vec<T>;
  explicit HardSigmoid(double) {}
  ASSAY_INLINE V operator()(V x) const {
    const V inner = (x + T(3)) / T(6);
    return x <= T(-3) ? V{} : (x >= T(3) ? V{} + T(1) : inner);
  }
  ASSAY_INLINE V grad(V dy, V x) const {
    return dy * (((x <= T(-3)) | (x >= T(3))) ? V{} : V{} + T(1) / T(6));
  }
};

template <class T>
struct HardSwish {
  using V = Vec<T>;
  explicit HardSwish(double) {}
  ASSAY_INLINE V operator()(V x) const {
    const V inner = x * (x + T(3)) / T(6);
    return x <= T(-3) ? V{} : (x >= T(3) ? x : inner);
  }
  ASSAY_INLINE V grad(V dy, V x) const {
    const V inner = (T(2) * x + T(3)) / T(6);
    return dy * (x <= T(-3) ? V{} : (x >= T(3) ? V{} + T(1) : inner));
  }
};

/// f<Function>() for the activation of that kind.
template <class T, class F>
inline void with_activation(ActivationKind kind, const F& f) {
  switch (kind) {
    case ActivationKind::identity:
      return f.template operator()<Identity<T>>();
    case ActivationKind::sigmoid:
      return f.template operator()<Sigmoid<T>>();
    case ActivationKind::relu:
      return f.template operator()<Relu<T>>();
    case ActivationKind::tanh:
      return f.template operator()<Tanh<T>>();
    case ActivationKind::leaky_relu:
      return f.template operator()<LeakyRelu<T>>();
    case ActivationKind::elu:
      return f.template operator()<Elu<T>>();
    case ActivationKind::selu:
      return f.template operator()<Selu<T>>();
    case ActivationKind::softplus:
      return f.template operator()<Softplus<T>>();
    case ActivationKind::silu:
      return f.template operator()<Silu<T>>();
    case ActivationKind::gelu_erf:
      return f.template operator()<GeluErf<T>>();
    case ActivationKind::gelu_tanh:
      return f.template operator()<GeluTanh<T>>();
    case ActivationKind::hard_sigmoid:
      return f.template operator()<HardSigmoid<T>>();
    case ActivationKind::hard_swish:
      return f.template operator()<HardSwish<T>>();
  }
}

}  // namespace assay::openmp::ASSAY_ISA
