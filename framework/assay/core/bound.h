// Bound: a value computed in a wide format together with a bound on how far the same computation may be off
// in a narrower one, in any order of its additions, with or without fused multiply-adds (running error
// analysis: Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.3; sums by γ_k,
// section 4.2). Running a kernel on this scalar yields, for every output element, the value and the bound:
// one mechanism for every op, fused site and plugin op.
//
// Values are wide; their errors, which need a few digits and no more, are doubles. What the rounding of an
// error takes away is in unit(): every error begins with it.
//
// A Bound is a sum of `height` + 1 terms. Its error is that of the terms, plus γ_height Σ|terms| for the
// additions in whatever order. Everything but an addition closes the sum and starts a new term.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "assay/core/quad.h"
#include "assay/core/scalar.h"

namespace assay {

/// What the kernel under judgement is granted: its functions max(ulp units in the last place, absolute), its
/// sums a reduction of that height. Set for the thread while a kernel runs on Bound scalars.
struct FunctionContract {
  double ulp = 1.0;
  double absolute = 0.0;
  double height = 0.0;  ///< most additions behind one another in a sum; 0: any order
};

/// The contract in force on this thread.
FunctionContract& function_contract() noexcept;

/// Σ|terms| of the largest sum that has been ended on this thread: below 2^p, integers stay exact in a format
/// of p significant bits in any order of their additions. The caller sets it to 0 before.
double& largest_sum() noexcept;

class WithContract {
 public:
  explicit WithContract(const FunctionContract& contract) : previous_(function_contract()) {
    function_contract() = contract;
  }
  ~WithContract() { function_contract() = previous_; }
  WithContract(const WithContract&) = delete;
  WithContract& operator=(const WithContract&) = delete;

 private:
  FunctionContract previous_;
};

/// Wide computes; Narrow (float or double) is judged.
template <class Wide, class Narrow>
struct Bound {
  Wide value{};
  double magnitude = 0;  ///< Σ|terms| of the sum that the value is
  double terms = 0;      ///< bound on the sum of the terms' own errors
  double height = 0;     ///< additions in the sum

  Bound() = default;
  template <class U>
  requires std::is_arithmetic_v<U> Bound(U x)
      : Bound(static_cast<Wide>(x)) {}  // NOLINT: a constant, rounded once in the narrow format
  Bound(const Wide& x)                  // NOLINT: likewise
      : value(x), magnitude(size_of(x)), terms(at_most(abs(x - static_cast<Wide>(static_cast<Narrow>(x))))) {}

  /// A datum that both formats hold exactly.
  static Bound exact(const Wide& x) {
    Bound b;
    b.value = x;
    b.magnitude = size_of(x);
    return b;
  }
  /// A single term with this error.
  static Bound term(const Wide& x, double error) {
    Bound b = exact(x);
    b.terms = error + underflow();
    b.magnitude += b.terms;
    if (!(b.magnitude < largest())) b.terms = unbounded();
    return b;
  }

  explicit operator double() const { return static_cast<double>(value); }

  /// |x|, rounded.
  static double size_of(const Wide& x) { return static_cast<double>(abs(x)); }
  /// A double that is not below x.
  static double at_most(const Wide& x) {
    const auto near = static_cast<double>(x);
    return Wide(near) < x ? std::nextafter(near, unbounded()) : near;
  }

  /// The unit roundoff of the narrow format, and 2^-28 of it: for the roundings of the value in the wide
  /// format, and for those of the errors.
  static double unit() {
    constexpr double narrow = std::is_same_v<Narrow, float> ? 0x1p-24 : 0x1p-53;
    return narrow + narrow * 0x1p-28;
  }
  /// From here on the narrow format overflows, and nothing can be said of what is made from the value.
  static double largest() { return static_cast<double>(std::numeric_limits<Narrow>::max()); }
  static double unbounded() { return std::numeric_limits<double>::infinity(); }
  /// Of the narrow operation; where its errors are in the same format, four more of half as much in them.
  static double underflow() {
    constexpr double smallest = static_cast<double>(std::numeric_limits<Narrow>::denorm_min());
    return std::is_same_v<Narrow, float> ? smallest : 3 * smallest;
  }

  /// Bound on |narrow − exact|. One addition rounds its result; more are bounded in any order by γ_height
  /// Σ|terms|.
  double error() const {
    if (height == 0) return terms;
    largest_sum() = std::max(largest_sum(), magnitude);
    if (!(magnitude < largest())) return unbounded();
    if (height == 1) return terms + unit() * (size_of(value) + terms);
    const double planned = function_contract().height;
    const double ku = (planned > 0 && planned < height ? planned : height) * unit();
    return ku < 1 ? terms + ku / (1 - ku) * magnitude : unbounded();
  }
  /// This value as a single term.
  Bound closed() const { return height == 0 ? *this : term(value, error()); }

  Bound operator-() const {
    Bound b = *this;
    b.value = -value;
    return b;
  }
  friend Bound operator+(const Bound& a, const Bound& b) {
    Bound c;
    c.value = a.value + b.value;
    c.magnitude = a.magnitude + b.magnitude;
    c.terms = a.terms + b.terms;
    c.height = a.height + b.height + 1;
    return c;
  }
  friend Bound operator-(const Bound& a, const Bound& b) { return a + -b; }
  friend Bound operator*(const Bound& a, const Bound& b) {
    const Wide v = a.value * b.value;
    const double ea = a.error(), eb = b.error();
    return term(v, size_of(a.value) * eb + size_of(b.value) * ea + ea * eb + unit() * size_of(v));
  }
  /// Granted twice the rounding of a division: a kernel may multiply by a reciprocal.
  friend Bound operator/(const Bound& a, const Bound& b) {
    const Wide v = a.value / b.value;
    const double ea = a.error(), eb = b.error();
    // What lies between is rounded, and is not above the truth.
    const double room = (size_of(b.value) * (1 - 0x1p-51) - eb) * (1 - 0x1p-51);
    if (!(room > 0)) return term(v, eb == 0 ? 0 : unbounded());
    return term(v, (ea + size_of(v) * eb) / room + 2 * unit() * size_of(v));
  }
  Bound& operator+=(const Bound& b) { return *this = *this + b; }
  Bound& operator-=(const Bound& b) { return *this = *this - b; }
  Bound& operator*=(const Bound& b) { return *this = *this * b; }
  Bound& operator/=(const Bound& b) { return *this = *this / b; }

  friend bool operator==(const Bound& a, const Bound& b) { return a.value == b.value; }
  friend bool operator!=(const Bound& a, const Bound& b) { return !(a.value == b.value); }
  friend bool operator<(const Bound& a, const Bound& b) { return a.value < b.value; }
  friend bool operator<=(const Bound& a, const Bound& b) { return a.value <= b.value; }
  friend bool operator>(const Bound& a, const Bound& b) { return b < a; }
  friend bool operator>=(const Bound& a, const Bound& b) { return b <= a; }
};

using Bound32 = Bound<double, float>;
using Bound64 = Bound<Quad, double>;

template <class W, class N>
W value_of(const Bound<W, N>& x) {
  return x.value;
}

namespace detail {

// How far f is from v at a, of what lies within an error of the argument.
template <class B, class W>
double apart(const W& at, const W& v) {
  return B::at_most(abs(at - v));
}

// The contract for evaluating a function of this value, and the rounding of the result.
template <class B, class W>
double granted(const W& v) {
  const FunctionContract& contract = function_contract();
  const double rounding = B::unit() * B::size_of(v);
  return maximum(2 * contract.ulp * rounding, contract.absolute) + rounding;
}

// f monotone on [x − e, x + e]: the farther end, and the contract for evaluating f itself.
template <class W, class N, class F>
Bound<W, N> monotone(const Bound<W, N>& x, F f) {
  using B = Bound<W, N>;
  const W v = f(x.value);
  double propagated = 0;
  if (const double e = x.error(); e != 0)
    propagated = maximum(apart<B>(f(x.value + W(e)), v), apart<B>(f(x.value - W(e)), v));
  return B::term(v, propagated + granted<B>(v));
}

}  // namespace detail

template <class W, class N>
Bound<W, N> exp(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return exp(v); });
}
template <class W, class N>
Bound<W, N> expm1(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return expm1(v); });
}
template <class W, class N>
Bound<W, N> log(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return log(v); });
}
template <class W, class N>
Bound<W, N> log1p(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return log1p(v); });
}
template <class W, class N>
Bound<W, N> tanh(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return tanh(v); });
}
template <class W, class N>
Bound<W, N> erf(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return erf(v); });
}
template <class W, class N>
Bound<W, N> erfc(const Bound<W, N>& x) {
  return detail::monotone(x, [](const W& v) { return erfc(v); });
}
/// Correctly rounded everywhere; the left end of the interval stays in the domain.
template <class W, class N>
Bound<W, N> sqrt(const Bound<W, N>& x) {
  using B = Bound<W, N>;
  const W e(x.error()), v = sqrt(x.value);
  const W low = x.value > e ? sqrt(x.value - e) : W(0);
  return B::term(v, (e == W(0) ? 0 : B::at_most(v - low)) + B::unit() * B::size_of(v));
}
/// |x|^(y ± e_y) and (x ± e_x)^y, the error of the two together bounded by their sum and product terms.
template <class W, class N>
Bound<W, N> pow(const Bound<W, N>& x, const Bound<W, N>& y) {
  using B = Bound<W, N>;
  const W v = pow(x.value, y.value), ex(x.error()), ey(y.error());
  const auto at = [&](const W& a, const W& b) { return detail::apart<B>(pow(a, b), v); };
  double propagated = 0;
  if (!(ex == W(0)) || !(ey == W(0))) {
    // pow is monotone in each argument on x > 0, so the corners hold the extremes.
    propagated = maximum(maximum(at(x.value - ex, y.value - ey), at(x.value - ex, y.value + ey)),
                         maximum(at(x.value + ex, y.value - ey), at(x.value + ex, y.value + ey)));
  }
  return B::term(v, propagated + detail::granted<B>(v));
}
template <class W, class N>
Bound<W, N> sin(const Bound<W, N>& x) {  // |sin′| ≤ 1
  const W v = sin(x.value);
  return Bound<W, N>::term(v, x.error() + 3 * Bound<W, N>::unit());
}
template <class W, class N>
Bound<W, N> cos(const Bound<W, N>& x) {
  const W v = cos(x.value);
  return Bound<W, N>::term(v, x.error() + 3 * Bound<W, N>::unit());
}
template <class W, class N>
Bound<W, N> abs(const Bound<W, N>& x) {
  return x.value < W(0) ? -x : x;
}
template <class W, class N>
Bound<W, N> floor(const Bound<W, N>& x) {
  return Bound<W, N>::exact(floor(x.value));
}
template <class W, class N>
Bound<W, N> ceil(const Bound<W, N>& x) {
  return Bound<W, N>::exact(ceil(x.value));
}
template <class W, class N>
bool isfinite(const Bound<W, N>& x) {
  return isfinite(x.value);
}
template <class W, class N>
Bound<W, N> atan_of_one(const Bound<W, N>&) {
  const W v = atan_of_one(W(0));
  return Bound<W, N>(v);
}
/// The larger of two, off by no more than either may be.
template <class W, class N>
Bound<W, N> maximum(const Bound<W, N>& a, const Bound<W, N>& b) {
  if (!(a.value == a.value)) return a;
  Bound<W, N> c = (a.value > b.value ? a : b).closed();
  c.terms = maximum(a.error(), b.error());
  return c;
}
template <class W, class N>
Bound<W, N> minimum(const Bound<W, N>& a, const Bound<W, N>& b) {
  return -maximum(-a, -b);
}

}  // namespace assay
