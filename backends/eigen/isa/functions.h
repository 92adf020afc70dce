// Elementary and activation functions of one packet (the vector register of the instruction set), on top of
// Eigen's packet math, and loops that apply them. Where Eigen 3.4 leaves its declared accuracy (accuracy.h),
// the range is mended here. A tail is computed as a padded packet, so that the result for a value does not
// depend on where it stands.
#pragma once

#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/kernels.h"

namespace assay::eigen::ASSAY_ISA {

namespace packet = Eigen::internal;

template <class T>
using PacketOf = typename packet::packet_traits<T>::type;
template <class P>
using ScalarOf = typename packet::unpacket_traits<P>::type;

template <class P>
P constant(double number) {
  return packet::pset1<P>(static_cast<ScalarOf<P>>(number));
}

template <class P>
constexpr bool is_double = sizeof(ScalarOf<P>) == 8;

/// e^x. Eigen clamps its argument, so that the subnormal results and the largest ones would be wrong: beyond
/// half of that range, e^x = (e^{x/2})², which halves exactly and rounds once more.
template <class P>
P exp(const P& x) {
  const P far = packet::pcmp_lt(constant<P>(is_double<P> ? 512 : 64), packet::pabs(x));
  const P y = packet::pexp(packet::pselect(far, packet::pmul(x, constant<P>(0.5)), x));
  return packet::pselect(far, packet::pmul(y, y), y);
}

/// log x. Eigen takes subnormal arguments for the smallest normal number: they are scaled by 2^k first.
template <class P>
P log(const P& x) {
  constexpr int k = is_double<P> ? 54 : 25;
  const P small = packet::pcmp_lt(x, constant<P>(is_double<P> ? 0x1p-1022 : 0x1p-126));
  const P normal =
      packet::pselect(small, packet::pmul(x, constant<P>(static_cast<double>(Index{1} << k))), x);
  return packet::psub(packet::plog(normal), packet::pand(small, constant<P>(k * 0.693147180559945309417)));
}

/// e^x − 1 by Kahan's formula (u − 1) x / log u with u = e^x, which cancels the rounding error of u.
template <class P>
P expm1(const P& x) {
  const P one = constant<P>(1), minus_one = constant<P>(-1);
  const P u = exp(x);
  const P u_minus_one = packet::psub(u, one);
  const P log_u = packet::plog(u);
  const P quotient = packet::pmul(u_minus_one, packet::pdiv(x, log_u));
  const P infinite = packet::pcmp_eq(u, log_u);
  const P large = packet::pselect(packet::pcmp_eq(u_minus_one, minus_one), minus_one,
                                  packet::pselect(infinite, u, quotient));
  return packet::pselect(packet::pcmp_eq(u, one), x, large);
}

/// σ(x) = 1 / (1 + e^{−x}), from the side on which the exponential does not overflow. (Eigen's own logistic
/// is off by 7·10⁻⁴ relative near −8.6.)
template <class P>
P sigmoid(const P& x) {
  const P one = constant<P>(1);
  const P e = exp(packet::pnegate(packet::pabs(x)));
  const P numerator = packet::pselect(packet::pcmp_lt(x, constant<P>(0)), e, one);
  return packet::pdiv(numerator, packet::padd(one, e));
}

/// σ(x) and 1 − σ(x) = σ(−x), neither of them by cancellation.
template <class P>
struct Gate {
  P open, closed;
};
template <class P>
Gate<P> gate(const P& x) {
  const P one = constant<P>(1);
  const P e = exp(packet::pnegate(packet::pabs(x)));
  const P small = packet::pdiv(e, packet::padd(one, e)), large = packet::pdiv(one, packet::padd(one, e));
  const P negative = packet::pcmp_lt(x, constant<P>(0));
  return {packet::pselect(negative, small, large), packet::pselect(negative, large, small)};
}

/// tanh x = −t / (t + 2) with t = e^{−2|x|} − 1, and the sign of x.
template <class P>
P tanh(const P& x) {
  const P t = expm1(packet::pmul(constant<P>(-2), packet::pabs(x)));
  const P y = packet::pdiv(packet::pnegate(t), packet::padd(t, constant<P>(2)));
  return packet::pselect(packet::pcmp_lt(x, constant<P>(0)), packet::pnegate(y), y);
}

/// log(1 + e^x) = max(x, 0) + log1p(e^{−|x|}).
template <class P>
P softplus(const P& x) {
  const P zero = constant<P>(0);
  const P rest = packet::generic_plog1p(exp(packet::pnegate(packet::pabs(x))));
  return packet::padd(packet::pselect(packet::pcmp_lt(x, zero), zero, x), rest);
}

/// max(a, b), NaN where either is.
template <class P>
P maximum(const P& a, const P& b) {
  const P larger = packet::pselect(packet::pcmp_lt(b, a), a, b);
  return packet::pselect(packet::pcmp_eq(a, a), larger, a);
}
template <class P>
P minimum(const P& a, const P& b) {
  const P smaller = packet::pselect(packet::pcmp_lt(a, b), a, b);
  return packet::pselect(packet::pcmp_eq(a, a), smaller, a);
}

/// Reads the first `count` elements at x, zeros behind them.
template <class T>
PacketOf<T> load_partial(const T* x, Index count) {
  alignas(64) T buffer[packet::packet_traits<T>::size] = {};
  for (Index i = 0; i < count; ++i) buffer[i] = x[i];
  return packet::pload<PacketOf<T>>(buffer);
}

template <class T>
void store_partial(T* y, const PacketOf<T>& value, Index count) {
  alignas(64) T buffer[packet::packet_traits<T>::size];
  packet::pstore(buffer, value);
  for (Index i = 0; i < count; ++i) y[i] = buffer[i];
}

/// y[i] = f(x[i]); y may be x.
template <class T, class F>
void map(const T* x, T* y, Index n, F f) {
  constexpr Index width = packet::packet_traits<T>::size;
  Index i = 0;
  for (; i + width <= n; i += width) packet::pstoreu(y + i, f(packet::ploadu<PacketOf<T>>(x + i)));
  if (i < n) store_partial<T>(y + i, f(load_partial(x + i, n - i)), n - i);
}

/// c[i] = f(a[i], b[i]); c may be a or b.
template <class T, class F>
void map(const T* a, const T* b, T* c, Index n, F f) {
  constexpr Index width = packet::packet_traits<T>::size;
  using P = PacketOf<T>;
  Index i = 0;
  for (; i + width <= n; i += width) {
    packet::pstoreu(c + i, f(packet::ploadu<P>(a + i), packet::ploadu<P>(b + i)));
  }
  if (i < n) store_partial<T>(c + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i)), n - i);
}

}  // namespace assay::eigen::ASSAY_ISA
