// a^b, lane by lane, with the special cases of IEEE 754. The error of b·log a grows by |b·log a| <= 745 in
// the exponential, so the logarithm is carried in two parts; floats are evaluated in double, where one part
// is enough.
#pragma once

#include "backends/openmp/isa/math_core.h"
#include "backends/openmp/isa/widen.h"

namespace assay::openmp::ASSAY_ISA {

/// high + low, |low| at most half a unit in the last place of high.
struct TwoPart {
  Vec<double> high;
  Vec<double> low;
};

ASSAY_INLINE TwoPart exact_product(Vec<double> a, Vec<double> b) {
  const Vec<double> product = a * b;
  return {product, product_error(a, b, product)};
}

/// a + b. REQUIRES: |a| >= |b|, or a is zero.
ASSAY_INLINE TwoPart exact_sum(Vec<double> a, Vec<double> b) {
  const Vec<double> sum = a + b;
  return {sum, b - (sum - a)};
}

ASSAY_INLINE TwoPart product(const TwoPart& a, const TwoPart& b) {
  const TwoPart p = exact_product(a.high, b.high);
  return exact_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/// log x to about 2^-64 relative: with s = f/(2 + f), log(1 + f) = 2s + 2/3 s³ + s⁵·(...), the first two
/// terms in two parts. REQUIRES: x is positive, normal and finite.
ASSAY_INLINE TwoPart two_part_log(Vec<double> x) {
  // (log((1 + s) / (1 − s)) − 2s − 2/3 s³) / s⁵ in s² <= 0.0295, relative error 2^-50 (of a term that is
  // 2^-12.5 of the whole)
  static constexpr double coefficients[] = {0x1.999999999999fp-2, 0x1.249249248e312p-2, 0x1.c71c71d835427p-3,
                                            0x1.745d09cb276a7p-3, 0x1.3b18c19bb06c2p-3, 0x1.1017b756e761ap-3,
                                            0x1.08830ef638a09p-3};
  using C = Coefficients<double>;
  const BinaryParts<Vec<double>> parts = split_binary(x);
  const Vec<double> f = parts.fraction;
  const TwoPart denominator = exact_sum(Vec<double>{} + 2.0, f);
  TwoPart s;
  s.high = f / denominator.high;
  const TwoPart back = exact_product(s.high, denominator.high);
  s.low = (((f - back.high) - back.low) - s.high * denominator.low) / denominator.high;
  const TwoPart square = product(s, s);
  const TwoPart cube = product(square, s);
  const TwoPart third =
      product(cube, {Vec<double>{} + 0x1.5555555555555p-1, Vec<double>{} + 0x1.5555555555555p-55});
  const Vec<double> rest = cube.high * square.high * polynomial(square.high, coefficients);

  // Largest first: exponent·log 2, 2s, the cubic term.
  const TwoPart a = exact_sum(parts.exponent * C::ln2_high, 2.0 * s.high);
  const TwoPart b = exact_sum(a.high, third.high);
  return exact_sum(b.high,
                   b.low + (a.low + (2.0 * s.low + (third.low + (rest + parts.exponent * C::ln2_low)))));
}

ASSAY_INLINE Mask<Vec<double>> is_integer(Vec<double> magnitude) {
  constexpr double shifter = Format<double>::two_to_mantissa;
  return (magnitude >= shifter) | ((magnitude + shifter) - shifter == magnitude);
}

/// a^b; `two_parts` for results that are to be correct to double precision.
template <bool two_parts>
ASSAY_INLINE Vec<double> power_of(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  using F = Format<double>;
  using C = Coefficients<double>;
  const V base = magnitude(a);
  const auto subnormal = base < F::smallest_normal;
  const V normal = subnormal ? base * 0x1p54 : base;

  V high;  // b · log|a|, for ordinary a
  V low{};
  if constexpr (two_parts) {
    TwoPart logarithm = two_part_log(normal);
    const V shift = subnormal ? V{} - 54.0 : V{};
    logarithm = exact_sum(subnormal ? logarithm.high + shift * C::ln2_high : logarithm.high,
                          logarithm.low + shift * C::ln2_low);
    const TwoPart p = exact_product(b, logarithm.high);
    high = p.high;
    low = p.low + b * logarithm.low;
  } else {
    const BinaryParts<V> parts = split_binary(normal);
    high = b * reduced_log(parts.fraction, subnormal ? parts.exponent - 54.0 : parts.exponent);
  }
  // Zeros and infinities have an infinite logarithm; only the sign of the product matters.
  high = base == 0.0 ? b * -F::infinity : high;
  high = base == F::infinity ? b * F::infinity : high;
  const V bounded = clamp(high, C::exp_smallest, C::exp_largest);
  low = bounded == high ? low : V{};
  V result = exponential(bounded, low).value();

  const V size = magnitude(b);
  const auto integer = is_integer(size);
  const auto odd = integer & ~is_integer(size * 0.5);
  const auto negative = bits(a) >> 63 != 0;  // the sign bit, of zeros too
  result = base == 1.0 ? V{} + 1.0 : result;
  result = (negative & odd) ? -result : result;
  result = ((a < 0.0) & ~integer & (base < F::infinity)) ? V{} + F::nan : result;
  result = ((a == a) & (b == b)) ? result : a + b;
  return ((b == 0.0) | (a == 1.0)) ? V{} + 1.0 : result;
}

ASSAY_INLINE Vec<double> power(Vec<double> a, Vec<double> b) { return power_of<true>(a, b); }
ASSAY_INLINE Vec<float> power(Vec<float> a, Vec<float> b) {
  const Widened x = widen(a);
  const Widened y = widen(b);
  return narrow({power_of<false>(x.low, y.low), power_of<false>(x.high, y.high)});
}

}  // namespace assay::openmp::ASSAY_ISA
