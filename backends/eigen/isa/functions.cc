// Unary ops, activations and the derivatives of activations. Formulas and branches as in
// framework/assay/ops/activation.h.
#include "backends/eigen/isa/functions.h"

#include "backends/eigen/isa/families.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kGeluRoot = 0.79788456080286535587989211986876;  // √(2/π)
constexpr double kGeluCubic = 0.044715;

// a where x > 0, else b (for NaN too).
template <class P>
P where_positive(const P& x, const P& a, const P& b) {
  return packet::pselect(packet::pcmp_lt(constant<P>(0), x), a, b);
}

// 2 √(2/π) (x + 0.044715 x³): the argument of gelu's gate σ, which is (1 + tanh u) / 2 without its
// cancellation. The constants multiplied out leave the fewest roundings.
template <class P>
P gelu_argument(const P& x) {
  const P squares = packet::pmul(x, x);
  return packet::pmul(
      x, packet::pmadd(constant<P>(2 * kGeluRoot * kGeluCubic), squares, constant<P>(2 * kGeluRoot)));
}

// The hard activations: `middle` between −3 and 3, 0 to the left and `right` to the right.
template <class P>
P hard(const P& x, const P& middle, const P& right) {
  const P left_or_middle = packet::pselect(packet::pcmp_le(x, constant<P>(-3)), constant<P>(0), middle);
  return packet::pselect(packet::pcmp_le(constant<P>(3), x), right, left_or_middle);
}

// F is a stateless generic lambda of two packets: x and the op's parameter.
template <class T, class F>
void set(Kernels<T>& table, Unary op, F) {
  table.unary[static_cast<int>(op)] = [](const T* x, T* y, Index n, T parameter) {
    const auto p = packet::pset1<PacketOf<T>>(parameter);
    map(x, y, n, [p](const PacketOf<T>& value) { return F()(value, p); });
  };
}

// dx = dy · f′, with f′ = F(kept, parameter).
template <class T, class F>
void set(Kernels<T>& table, Gradient op, F) {
  table.gradient[static_cast<int>(op)] = [](const T* dy, const T* kept, T* dx, Index n, T parameter) {
    using P = PacketOf<T>;
    const P p = packet::pset1<P>(parameter);
    map(dy, kept, dx, n,
        [p](const P& cotangent, const P& value) { return packet::pmul(cotangent, F()(value, p)); });
  };
}

template <class T>
void add_unary(Kernels<T>& table) {
  using P = PacketOf<T>;
  // Eigen's pnegate is 0 − x for AVX-512, which loses the sign of a zero.
  set(table, Unary::neg, [](P x, P) { return packet::pmul(x, constant<P>(-1)); });
  set(table, Unary::exp, [](P x, P) { return exp(x); });
  set(table, Unary::log, [](P x, P) { return log(x); });
  set(table, Unary::sqrt, [](P x, P) { return packet::psqrt(x); });
  set(table, Unary::abs, [](P x, P) { return packet::pabs(x); });
  set(table, Unary::sign, [](P x, P) {
    const P negative = packet::pselect(packet::pcmp_lt(x, constant<P>(0)), constant<P>(-1), x);
    return where_positive(x, constant<P>(1), negative);
  });
  set(table, Unary::identity, [](P x, P) { return x; });
  set(table, Unary::sigmoid, [](P x, P) { return sigmoid(x); });
  set(table, Unary::relu,
      [](P x, P) { return packet::pselect(packet::pcmp_le(x, constant<P>(0)), constant<P>(0), x); });
  set(table, Unary::tanh, [](P x, P) { return tanh(x); });
  set(table, Unary::leaky_relu, [](P x, P slope) { return where_positive(x, x, packet::pmul(slope, x)); });
  set(table, Unary::elu, [](P x, P alpha) { return where_positive(x, x, packet::pmul(alpha, expm1(x))); });
  set(table, Unary::selu, [](P x, P) {
    return where_positive(x, packet::pmul(constant<P>(kSeluScale), x),
                          packet::pmul(constant<P>(kSeluScale * kSeluAlpha), expm1(x)));
  });
  set(table, Unary::softplus, [](P x, P) { return softplus(x); });
  set(table, Unary::silu, [](P x, P) { return packet::pmul(x, sigmoid(x)); });
  set(table, Unary::gelu_tanh, [](P x, P) { return packet::pmul(x, sigmoid(gelu_argument(x))); });
  set(table, Unary::hard_sigmoid, [](P x, P) {
    return hard(x, packet::pdiv(packet::padd(x, constant<P>(3)), constant<P>(6)), constant<P>(1));
  });
  set(table, Unary::hard_swish, [](P x, P) {
    return hard(x, packet::pdiv(packet::pmul(x, packet::padd(x, constant<P>(3))), constant<P>(6)), x);
  });
}

template <class T>
void add_gradients(Kernels<T>& table) {
  using P = PacketOf<T>;
  set(table, Gradient::sigmoid, [](P y, P) { return packet::pmul(y, packet::psub(constant<P>(1), y)); });
  set(table, Gradient::relu, [](P y, P) { return where_positive(y, constant<P>(1), constant<P>(0)); });
  set(table, Gradient::tanh,
      [](P y, P) { return packet::pmul(packet::psub(constant<P>(1), y), packet::padd(constant<P>(1), y)); });
  set(table, Gradient::leaky_relu, [](P x, P slope) { return where_positive(x, constant<P>(1), slope); });
  set(table, Gradient::elu,
      [](P x, P alpha) { return where_positive(x, constant<P>(1), packet::pmul(alpha, exp(x))); });
  set(table, Gradient::selu, [](P x, P) {
    return where_positive(x, constant<P>(kSeluScale),
                          packet::pmul(constant<P>(kSeluScale * kSeluAlpha), exp(x)));
  });
  set(table, Gradient::softplus, [](P x, P) { return sigmoid(x); });
  set(table, Gradient::silu, [](P x, P) {  // σ (1 + x (1 − σ))
    const auto g = gate(x);
    return packet::pmul(g.open, packet::padd(constant<P>(1), packet::pmul(x, g.closed)));
  });
  set(table, Gradient::gelu_tanh, [](P x, P) {  // σ (1 + x (1 − σ) · d/dx of the gate's argument)
    const auto g = gate(gelu_argument(x));
    // Beyond ±32 one of the gates is 0; the bound keeps 0 · ∞ away from it.
    const P far = packet::pcmp_lt(constant<P>(32), packet::pabs(x));
    const P bounded = packet::pselect(far, constant<P>(32), x);
    const P slope = packet::pmadd(constant<P>(6 * kGeluRoot * kGeluCubic), packet::pmul(bounded, bounded),
                                  constant<P>(2 * kGeluRoot));
    const P term = packet::pmul(packet::pmul(bounded, g.closed), slope);
    return packet::pmul(g.open, packet::padd(constant<P>(1), term));
  });
  set(table, Gradient::hard_sigmoid, [](P x, P) { return hard(x, constant<P>(1.0 / 6.0), constant<P>(0)); });
  set(table, Gradient::hard_swish, [](P x, P) {
    const P middle = packet::pdiv(packet::padd(packet::padd(x, x), constant<P>(3)), constant<P>(6));
    return hard(x, middle, constant<P>(1));
  });
}

}  // namespace

template <class T>
void add_functions(Kernels<T>& table) {
  add_unary(table);
  add_gradients(table);
}

template void add_functions<float>(Kernels<float>&);
template void add_functions<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
