// Activation functions: each is one generic function of a scalar, from which follow an op, the op of its
// derivative, and reference kernels for both on every dtype (program/generic_kernel.h).
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "assay/core/scalar.h"
#include "assay/graph/graph.h"

namespace assay {

/// How an activation's derivative is computed from what the forward pass kept.
enum class DerivativeBy : std::uint8_t {
  input,   ///< f'(x) of the pre-activation
  output,  ///< f'(x) as a function of y = f(x), so that x is not kept and the activation may fuse into its
           ///< producer
};

struct ActivationInfo {
  std::string name;
  std::string formula;             ///< "σ(z) = 1 / (1 + e^{−z})"
  std::string derivative_formula;  ///< "σ′(z) = σ(z) (1 − σ(z))"
  std::vector<FieldDef> fields{};
  DerivativeBy derivative = DerivativeBy::input;
  bool polynomial = false;  ///< exact on integers
};

/// The op `name` (x -> y), whose derivative rule applies `name`_grad.
OpDef activation_op(const ActivationInfo& info);
/// The op `name`_grad: (dy, x) -> dx or (dy, y) -> dx.
OpDef activation_grad_op(const ActivationInfo& info, ExpandRule expand = nullptr);

/// Applies the activation op of that name.
Value activate(std::string_view name, Value x, const Fields& fields = {});

void register_activation_ops(OpTable& ops, const std::string& owner);

// The functions. Each is constructed from the op's fields; operator() is f, and by_output, where it is, gives
// f′ from y.

struct Identity {
  explicit Identity(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z;
  }
};

/// Article, "The Sigmoid Function".
struct Sigmoid {
  explicit Sigmoid(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return sigmoid(z);
  }
  template <class T>
  static T by_output(const T& y) {
    return y * (T(1) - y);
  }
};

/// Article, "Other Common Activations": ReLU′(0) = 0.
struct Relu {
  explicit Relu(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z > T(0) || z != z ? z : T(0);
  }
  template <class T>
  static T by_output(const T& y) {
    return y > T(0) ? T(1) : T(0);
  }
};

/// Article, "Other Common Activations".
struct Tanh {
  explicit Tanh(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return tanh(z);
  }
  template <class T>
  static T by_output(const T& y) {
    return (T(1) - y) * (T(1) + y);
  }
};

struct LeakyRelu {
  double slope;
  explicit LeakyRelu(const Fields& fields) : slope(fields.number("slope")) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z > T(0) ? z : T(slope) * z;
  }
};

/// Clevert, Unterthiner and Hochreiter 2016.
struct Elu {
  double alpha;
  explicit Elu(const Fields& fields) : alpha(fields.number("alpha")) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z > T(0) ? z : T(alpha) * expm1(z);
  }
};

/// Klambauer et al. 2017; the constants to double precision.
struct Selu {
  static constexpr double kAlpha = 1.6732632423543772848170429916717;
  static constexpr double kScale = 1.0507009873554804934193349852946;
  explicit Selu(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z > T(0) ? T(kScale) * z : T(kScale * kAlpha) * expm1(z);
  }
};

struct Softplus {
  explicit Softplus(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return softplus(z);
  }
};

/// Elfwing, Uchibe and Doya 2018; also called swish.
struct Silu {
  explicit Silu(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    return z * sigmoid(z);
  }
};

/// Hendrycks and Gimpel 2016, z Φ(z), or its approximation by tanh. Φ(z) = erfc(−z/√2)/2 and (1 + tanh u)/2 =
/// σ(2u) keep the left tail from cancelling.
struct Gelu {
  bool exact;
  explicit Gelu(const Fields& fields) : exact(fields.text("form") == "erf") {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    if (exact) return z * T(0.5) * erfc(-z / sqrt(T(2)));
    // σ is 0 or 1 there to the last digit of every scalar; further out z³ overflows, and 0 · ∞ is no
    // derivative.
    if (z <= T(-64)) return T(0);
    if (z >= T(64)) return z;
    const T root = sqrt(T(2) / (T(4) * atan_of_one(value_of(z))));  // √(2/π)
    return z * sigmoid(T(2) * root * (z + T(0.044715) * z * z * z));
  }
};

/// Howard et al. 2019.
struct HardSigmoid {
  explicit HardSigmoid(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    if (z <= T(-3)) return T(0);
    if (z >= T(3)) return T(1);
    return (z + T(3)) / T(6);
  }
};

/// Howard et al. 2019.
struct HardSwish {
  explicit HardSwish(const Fields&) {}
  static ActivationInfo info();
  template <class T>
  T operator()(const T& z) const {
    if (z <= T(-3)) return T(0);
    if (z >= T(3)) return z;
    return z * (z + T(3)) / T(6);
  }
};

/// Calls f with a null pointer of each built-in activation's type.
template <class F>
void for_each_activation(F f) {
  const auto each = [&]<class... A>(A*... types) { (f(types), ...); };
  each(static_cast<Identity*>(nullptr), static_cast<Sigmoid*>(nullptr), static_cast<Relu*>(nullptr),
       static_cast<Tanh*>(nullptr), static_cast<LeakyRelu*>(nullptr), static_cast<Elu*>(nullptr),
       static_cast<Selu*>(nullptr), static_cast<Softplus*>(nullptr), static_cast<Silu*>(nullptr),
       static_cast<Gelu*>(nullptr), static_cast<HardSigmoid*>(nullptr), static_cast<HardSwish*>(nullptr));
}

}  // namespace assay
