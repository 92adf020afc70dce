// Vectorised elementary functions of Vec<float> and Vec<double>. Each is correct on the whole line: subnormal
// arguments and results, infinities, signed zeros and NaN included. Errors are declared in
// backends/openmp/accuracy.h and swept by a test.
#pragma once

#include "backends/openmp/isa/math_core.h"

namespace assay::openmp::ASSAY_ISA {

template <class V>
ASSAY_INLINE Exponential<V> clamped_exponential(V x) {
  using C = Coefficients<Element<V>>;
  return exponential(clamp(x, C::exp_smallest, C::exp_largest));
}

template <class V>
ASSAY_INLINE V exp(V x) {
  return clamped_exponential(x).value();
}

/// e^x − 1 = 2^n (e^r − 1) + (2^n − 1), with 2^n halved on the way so that it exists for the largest n.
template <class V>
ASSAY_INLINE V expm1(V x) {
  using T = Element<V>;
  using C = Coefficients<T>;
  const V bounded = clamp(x, C::expm1_smallest, C::exp_largest);
  const V n = round_to_integer(bounded * C::log2_e);
  const V r = multiply_add(n, V{} - C::ln2_low, multiply_add(n, V{} - C::ln2_high, bounded));
  const V half_scale = power_of_two(n - T(1));
  const V result = T(2) * multiply_add(half_scale, reduced_expm1(r), half_scale - T(0.5));
  return magnitude(x) < Format<T>::smallest_normal * T(2) ? x : result;
}

template <class V>
ASSAY_INLINE V log(V x) {
  using T = Element<V>;
  using F = Format<T>;
  const auto subnormal = x < F::smallest_normal;
  const BinaryParts<V> parts = split_binary(subnormal ? x * F::two_to_mantissa : x);
  const V exponent = subnormal ? parts.exponent - T(F::mantissa_bits) : parts.exponent;
  V result = reduced_log(parts.fraction, exponent);
  result = x == F::infinity ? x : result;
  result = x > T(0) ? result : V{} + F::nan;
  return x == T(0) ? V{} - F::infinity : result;
}

/// log(1 + x), after FreeBSD's s_log1p.c: the rounding error of u = 1 + x comes back as a correction c/u.
template <class V>
ASSAY_INLINE V log1p(V x) {
  using T = Element<V>;
  using F = Format<T>;
  const V u = x + T(1);
  const BinaryParts<V> parts = split_binary(u);
  const auto near_one = parts.exponent == T(0);
  const V lost = x >= T(1) ? T(1) - (u - x) : x - (u - T(1));
  const V fraction = near_one ? x : parts.fraction;
  V result = reduced_log(fraction, parts.exponent, near_one ? V{} : lost / u);
  result = x == F::infinity ? x : result;
  result = u > T(0) ? result : V{} + F::nan;
  result = u == T(0) ? V{} - F::infinity : result;
  return x == T(0) ? x : result;
}

/// tanh x = t / (t + 2) with t = e^{2x} − 1.
template <class V>
ASSAY_INLINE V tanh(V x) {
  using T = Element<V>;
  const V bounded = clamp(magnitude(x), T(0), T(20));
  const V t = expm1(T(2) * bounded);
  return with_sign_of(t / (t + T(2)), x);
}

/// σ(x) = 1 / (1 + e^{−x}), from the side on which the exponential does not overflow; times `factor`, which
/// goes in before the result can underflow.
template <class V>
ASSAY_INLINE V sigmoid(V x, V factor) {
  using T = Element<V>;
  const auto e = clamped_exponential(V{} - magnitude(x));
  const V denominator = e.value() + T(1);
  const V left = (e.mantissa * factor / denominator) * e.scale1 * e.scale2;
  const V result = x < T(0) ? left : factor / denominator;
  return x < Coefficients<T>::sigmoid_smallest ? factor * T(0) : result;
}
template <class V>
ASSAY_INLINE V sigmoid(V x) {
  return sigmoid(x, V{} + Element<V>(1));
}

/// log(1 + e^x) = max(x, 0) + log(1 + e^{−|x|})
template <class V>
ASSAY_INLINE V softplus(V x) {
  using T = Element<V>;
  const V tail = log1p(exp(V{} - magnitude(x)));
  return x > T(0) ? x + tail : tail;
}

/// e^{−x²/2}: x² is split so that no bit of it is lost.
template <class V>
ASSAY_INLINE Exponential<V> gaussian(V x) {
  using T = Element<V>;
  using C = Coefficients<T>;
  const V bounded = clamp(magnitude(x), T(0), C::gaussian_largest);
  const V high = from_bits<V>(bits(bounded) & Format<T>::upper_half);
  const V low = bounded - high;
  const V main = high * high * T(-0.5);
  const V rest = low * (bounded + high) * T(-0.5);
  return exponential(clamp(main, C::exp_smallest, T(0)), rest);
}

/// Φ(−x) = e^{−x²/2} (high + low) / denominator for x >= 0, the sum in two parts so that it is not rounded
/// before it is multiplied.
template <class V>
struct NormalTail {
  V high;
  V low;
  V denominator;
};
template <class V>
ASSAY_INLINE NormalTail<V> normal_tail(V x) {
  using T = Element<V>;
  using C = Coefficients<T>;
  constexpr T root = Format<T>::sqrt_two, root_rest = Format<T>::sqrt_two_rest;
  const V bounded = clamp(x, T(0), C::erfcx_largest * root);
  const V t = (bounded - C::erfcx_center * root) / (bounded + C::erfcx_center * root);
  const V rest = t * polynomial<1>(t, C::half_erfcx);
  const V high = rest + C::half_erfcx[0];
  const V denominator = multiply_add(bounded, V{} + root, multiply_add(bounded, V{} + root_rest, V{} + T(1)));
  return {high, rest - (high - C::half_erfcx[0]), denominator};
}

/// Φ(x) times `factor`: 1/2 + erf(x/√2)/2 near 0, the tail on the left and one minus that on the right.
template <class V>
ASSAY_INLINE V normal_cdf(V x, V factor) {
  using T = Element<V>;
  using C = Coefficients<T>;
  const V size = magnitude(x);
  const V u = size * T(0x1.6a09e667f3bcdp-1);
  const V half_erf = T(0.5) * multiply_add(u, polynomial(u * u, C::erf), u);
  const V near = factor * (T(0.5) + with_sign_of(half_erf, x));
  const auto is_near = size < T(0.5);
  if (!any(~is_near)) return near;

  const auto e = gaussian(x);
  const NormalTail<V> tail = normal_tail(size);
  // The product of two sums in two parts, rounded once.
  const V scaled = factor * e.mantissa;
  const V product = tail.high * scaled;
  const V correction = multiply_add(tail.low, scaled, tail.high * (factor * e.lost)) +
                       product_error(tail.high, scaled, product);
  const V left = (product + correction) / tail.denominator * e.scale1 * e.scale2;
  const V far = x < T(0) ? left : factor - left;
  const V limit = x < T(0) ? factor * T(0) : factor;
  return is_near ? near : (size > C::gaussian_largest ? limit : far);
}

/// d/dx x Φ(x) = Φ(x) + x φ(x) with φ(x) = e^{−x²/2}/√(2π), which has a root near −0.75. Around it,
/// 1/2 − |x| (erf(u)/(2|x|) + φ) is formed with the sum in two parts; further left, the two terms are
/// subtracted before the exponential's error comes in; on the right the derivative is one minus that of −x.
template <class V>
ASSAY_INLINE V gelu_derivative(V x) {
  using T = Element<V>;
  using C = Coefficients<T>;
  // √½/2 and 1/√(2π), each in two parts.
  constexpr T half_root = Format<T>::sqrt_two / 4, half_root_rest = Format<T>::sqrt_two_rest / 4;
  constexpr T over_root = Format<T>::over_sqrt_two_pi, over_root_rest = Format<T>::over_sqrt_two_pi_rest;
  const V size = clamp(magnitude(x), T(0), C::gaussian_largest);
  const auto e = gaussian(size);
  const V density = e.value();
  const auto is_near = size < T(0.875);

  const V lost = e.lost * e.scale1 * e.scale2;
  const V of_density = over_root * density;
  const V high = of_density + half_root;
  const V rest =
      multiply_add(V{} + half_root, polynomial(T(0.5) * (size * size), C::erf), V{} + half_root_rest) +
      multiply_add(V{} + over_root, lost, over_root_rest * density);
  const V low = (of_density - (high - half_root)) + rest;
  V left = multiply_add(V{} - size, low, multiply_add(V{} - size, high, V{} + T(0.5)));
  if (any(~is_near)) {
    const NormalTail<V> tail = normal_tail(size);
    const V ratio = (tail.high + tail.low) / tail.denominator;
    left = is_near ? left : multiply_add(size, V{} - over_root, ratio) * density;
  }
  return x < T(0) ? left : T(1) - left;
}

}  // namespace assay::openmp::ASSAY_ISA
