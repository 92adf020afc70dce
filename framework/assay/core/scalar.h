// The scalars that generic kernels are written for, and the functions they may call on them.
// A kernel written as a template over its scalar runs on every dtype: float and double compute, Quad is the
// high-precision oracle, Dual carries a forward-mode derivative, Lattice computes polynomials exactly. This
// header has Dual, Lattice and the functions for float and double; quad.h adds Quad.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace assay {

// ---------------------------------------------------------------------------------------------------------------------
// float and double. `using std::exp` and friends make one spelling work for every scalar.

using std::abs;
using std::ceil;
using std::cos;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::isfinite;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;

/// atan(1) = π/4 in the precision of the argument's type.
inline float atan_of_one(float) { return std::atan(1.0f); }
inline double atan_of_one(double) { return std::atan(1.0); }

/// The real value a scalar stands for, without its derivative.
inline float value_of(float x) { return x; }
inline double value_of(double x) { return x; }

// ---------------------------------------------------------------------------------------------------------------------
// Dual numbers: a + b·ε with ε² = 0 (Baydin et al. 2018, section 3.1). Comparisons look at the value alone,
// so a kernel takes the branch that it takes without derivatives.

template <class T>
struct Dual {
  T value{};
  T derivative{};

  Dual() = default;
  Dual(T v) : value(v) {}  // NOLINT: a constant is a dual with derivative zero
  Dual(T v, T d) : value(v), derivative(d) {}
  template <class U>
  requires(std::is_arithmetic_v<U> && !std::is_same_v<U, T>) Dual(U v)
      : value(static_cast<T>(v)) {}  // NOLINT

  explicit operator double() const { return static_cast<double>(value); }

  Dual operator-() const { return {-value, -derivative}; }
  friend Dual operator+(const Dual& a, const Dual& b) {
    return {a.value + b.value, a.derivative + b.derivative};
  }
  friend Dual operator-(const Dual& a, const Dual& b) {
    return {a.value - b.value, a.derivative - b.derivative};
  }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.derivative * b.value + a.value * b.derivative};
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const T q = a.value / b.value;
    return {q, (a.derivative - q * b.derivative) / b.value};
  }
  Dual& operator+=(const Dual& b) { return *this = *this + b; }
  Dual& operator-=(const Dual& b) { return *this = *this - b; }
  Dual& operator*=(const Dual& b) { return *this = *this * b; }
  Dual& operator/=(const Dual& b) { return *this = *this / b; }

  friend bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  friend bool operator!=(const Dual& a, const Dual& b) { return a.value != b.value; }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend bool operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }
};

template <class T>
T value_of(const Dual<T>& x) {
  return x.value;
}

template <class T>
Dual<T> atan_of_one(const Dual<T>& x) {
  return {atan_of_one(x.value), T(0)};
}
template <class T>
Dual<T> exp(const Dual<T>& x) {
  const T e = exp(x.value);
  return {e, e * x.derivative};
}
template <class T>
Dual<T> expm1(const Dual<T>& x) {
  return {expm1(x.value), exp(x.value) * x.derivative};
}
template <class T>
Dual<T> log(const Dual<T>& x) {
  return {log(x.value), x.derivative / x.value};
}
template <class T>
Dual<T> log1p(const Dual<T>& x) {
  return {log1p(x.value), x.derivative / (T(1) + x.value)};
}
template <class T>
Dual<T> sqrt(const Dual<T>& x) {
  const T root = sqrt(x.value);
  return {root, x.derivative / (T(2) * root)};
}
template <class T>
Dual<T> tanh(const Dual<T>& x) {
  const T t = tanh(x.value);
  return {t, (T(1) - t) * (T(1) + t) * x.derivative};
}
template <class T>
Dual<T> sin(const Dual<T>& x) {
  return {sin(x.value), cos(x.value) * x.derivative};
}
template <class T>
Dual<T> cos(const Dual<T>& x) {
  return {cos(x.value), -sin(x.value) * x.derivative};
}
template <class T>
Dual<T> erf(const Dual<T>& x) {
  // d erf/dx = 2/√π · exp(−x²)
  const T two_over_sqrt_pi = T(2) / sqrt(T(4) * atan_of_one(x.value));
  return {erf(x.value), two_over_sqrt_pi * exp(-x.value * x.value) * x.derivative};
}
template <class T>
Dual<T> erfc(const Dual<T>& x) {
  const T two_over_sqrt_pi = T(2) / sqrt(T(4) * atan_of_one(x.value));
  return {erfc(x.value), -(two_over_sqrt_pi * exp(-x.value * x.value) * x.derivative)};
}
/// x^y. The derivative by y is taken only where y carries one, so that pow(negative, constant) stays finite.
template <class T>
Dual<T> pow(const Dual<T>& x, const Dual<T>& y) {
  const T p = pow(x.value, y.value);
  T derivative = T(0);
  if (x.derivative != T(0)) derivative += y.value * pow(x.value, y.value - T(1)) * x.derivative;
  if (y.derivative != T(0)) derivative += p * log(x.value) * y.derivative;
  return {p, derivative};
}
/// |x|, with derivative 0 at 0.
template <class T>
Dual<T> abs(const Dual<T>& x) {
  if (x.value > T(0)) return x;
  if (x.value < T(0)) return -x;
  return {abs(x.value), T(0)};
}
template <class T>
Dual<T> floor(const Dual<T>& x) {
  return {floor(x.value), T(0)};
}
template <class T>
Dual<T> ceil(const Dual<T>& x) {
  return {ceil(x.value), T(0)};
}
template <class T>
bool isfinite(const Dual<T>& x) {
  return isfinite(x.value) && isfinite(x.derivative);
}

// ---------------------------------------------------------------------------------------------------------------------
// Lattice: exact integers. What is not exact (overflow, a division with remainder) yields the sticky value
// `invalid`, which is unequal to everything, as NaN is, so that no comparison passes on it.

struct Lattice {
  static constexpr std::int64_t kInvalid = std::numeric_limits<std::int64_t>::min();
  std::int64_t value = 0;

  Lattice() = default;
  template <class U>
  requires std::is_integral_v<U> Lattice(U v) : value(static_cast<std::int64_t>(v)) {}  // NOLINT
  template <class U>
  requires std::is_floating_point_v<U> Lattice(U v) : value(exactly(static_cast<double>(v))) {}  // NOLINT

  bool valid() const { return value != kInvalid; }
  explicit operator double() const {
    return valid() ? static_cast<double>(value) : std::numeric_limits<double>::quiet_NaN();
  }

  Lattice operator-() const { return valid() ? Lattice(-value) : *this; }
  friend Lattice operator+(Lattice a, Lattice b) {
    std::int64_t sum;
    return a.valid() && b.valid() && !__builtin_add_overflow(a.value, b.value, &sum) ? Lattice(sum)
                                                                                     : invalid();
  }
  friend Lattice operator-(Lattice a, Lattice b) {
    std::int64_t difference;
    return a.valid() && b.valid() && !__builtin_sub_overflow(a.value, b.value, &difference)
               ? Lattice(difference)
               : invalid();
  }
  friend Lattice operator*(Lattice a, Lattice b) {
    std::int64_t product;
    return a.valid() && b.valid() && !__builtin_mul_overflow(a.value, b.value, &product) ? Lattice(product)
                                                                                         : invalid();
  }
  friend Lattice operator/(Lattice a, Lattice b) {
    return a.valid() && b.valid() && b.value != 0 && a.value % b.value == 0 ? Lattice(a.value / b.value)
                                                                            : invalid();
  }
  Lattice& operator+=(Lattice b) { return *this = *this + b; }
  Lattice& operator-=(Lattice b) { return *this = *this - b; }
  Lattice& operator*=(Lattice b) { return *this = *this * b; }
  Lattice& operator/=(Lattice b) { return *this = *this / b; }

  friend bool operator==(Lattice a, Lattice b) { return a.valid() && b.valid() && a.value == b.value; }
  friend bool operator!=(Lattice a, Lattice b) { return !(a == b); }
  friend bool operator<(Lattice a, Lattice b) { return a.valid() && b.valid() && a.value < b.value; }
  friend bool operator<=(Lattice a, Lattice b) { return a.valid() && b.valid() && a.value <= b.value; }
  friend bool operator>(Lattice a, Lattice b) { return b < a; }
  friend bool operator>=(Lattice a, Lattice b) { return b <= a; }

  static Lattice invalid() {
    Lattice l;
    l.value = kInvalid;
    return l;
  }

 private:
  static std::int64_t exactly(double v) {
    return v == std::floor(v) && std::abs(v) < 9.0e18 ? static_cast<std::int64_t>(v) : kInvalid;
  }
};

inline Lattice value_of(Lattice x) { return x; }
inline Lattice abs(Lattice x) { return x.valid() && x.value < 0 ? -x : x; }
inline bool isfinite(Lattice x) { return x.valid(); }

// ---------------------------------------------------------------------------------------------------------------------
// Functions every scalar shares. Written so that nothing overflows on the way to a result that does not.

/// max(a, b), and b where a is NaN's opposite: NaN in either operand is returned.
template <class T>
T maximum(const T& a, const T& b) {
  if (!(a == a)) return a;
  return a > b ? a : b;
}
template <class T>
T minimum(const T& a, const T& b) {
  if (!(a == a)) return a;
  return a < b ? a : b;
}

/// σ(z) = 1 / (1 + e^{−z}), from the side on which the exponential does not overflow.
template <class T>
T sigmoid(const T& z) {
  if (z >= T(0)) return T(1) / (T(1) + exp(-z));
  const T e = exp(z);
  return e / (T(1) + e);
}

/// log(1 + e^z) = max(z, 0) + log1p(e^{−|z|}).
template <class T>
T softplus(const T& z) {
  if (z > T(0)) return z + log1p(exp(-z));
  return log1p(exp(z));
}

}  // namespace assay
