// What the vectorised functions of math.h are made of: lane-wise helpers, the reduced exponential and
// logarithm, and their coefficients. Polynomials were fitted with Sollya's fpminimax; the error of a fit
// stands beside it.
#pragma once

#include <cstdint>

#include "backends/openmp/isa/simd.h"

namespace assay::openmp::ASSAY_ISA {

template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr float bias = 127;
  static constexpr float two_to_mantissa = 0x1p23f;
  static constexpr float smallest_normal = 0x1p-126f;
  static constexpr float infinity = __builtin_inff();
  static constexpr float nan = __builtin_nanf("");
  static constexpr std::uint32_t sign = 0x80000000u;
  static constexpr std::uint32_t mantissa = 0x007fffffu;
  static constexpr std::uint32_t upper_half = 0xfffff000u;  ///< x with these bits has an exact square
  static constexpr std::uint32_t one = 0x3f800000u;
  static constexpr std::uint32_t sqrt_half = 0x3f3504f3u;
  static constexpr float sqrt_two = 0x1.6a09e6p0f, sqrt_two_rest = 0x1.9fcef4p-26f;  ///< √2 in two parts
  static constexpr float over_sqrt_two_pi = 0x1.988454p-2f, over_sqrt_two_pi_rest = -0x1.857936p-27f;
};
template <>
struct Format<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr double bias = 1023;
  static constexpr double two_to_mantissa = 0x1p52;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double infinity = __builtin_inf();
  static constexpr double nan = __builtin_nan("");
  static constexpr std::uint64_t sign = 0x8000000000000000u;
  static constexpr std::uint64_t mantissa = 0x000fffffffffffffu;
  static constexpr std::uint64_t upper_half = 0xfffffffff8000000u;
  static constexpr std::uint64_t one = 0x3ff0000000000000u;
  static constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdu;
  static constexpr double sqrt_two = 0x1.6a09e667f3bcdp0, sqrt_two_rest = -0x1.bdd3413b26456p-54;
  static constexpr double over_sqrt_two_pi = 0x1.9884533d43651p-2;
  static constexpr double over_sqrt_two_pi_rest = -0x1.cbc0d30ebfd15p-56;
};

template <class T>
struct Coefficients;
template <>
struct Coefficients<float> {
  static constexpr float log2_e = 0x1.715476p0f;
  // log 2 in two parts, the first with so few bits that its product with an exponent is exact.
  static constexpr float ln2_high = 0x1.62ep-1f;
  static constexpr float ln2_low = 0x1.0bfbe8p-15f;
  static constexpr float exp_largest = 89.0f;         ///< beyond, e^x is infinite
  static constexpr float exp_smallest = -112.0f;      ///< below, e^x·|x| is 0
  static constexpr float sigmoid_smallest = -110.0f;  ///< below, σ(x)·|x| is 0
  static constexpr float gaussian_largest = 14.75f;   ///< beyond, e^{−x²/2}·x is 0
  static constexpr float expm1_smallest = -18.0f;
  // (e^r − 1 − r) / r² on |r| <= log 2 / 2, relative error 2^-27.7
  static constexpr float exp[] = {0x1p-1f,        0x1.555556p-3f,  0x1.5555p-5f,
                                  0x1.110ff4p-7f, 0x1.6d310ap-10f, 0x1.a262a4p-13f};
  // (log((1 + s) / (1 − s)) − 2s) / s³ in s² <= 0.0295, relative error 2^-25 (of a term that is 0.6 % of the
  // whole)
  static constexpr float log[] = {0x1.555556p-1f, 0x1.99986cp-2f, 0x1.24c216p-2f, 0x1.ce5c5ap-3f};
  static constexpr float erf_boundary = 0.875f;
  static constexpr float erf_largest = 4.0f;  ///< beyond, erf(x) rounds to 1
  // erf(x)/x − 1 in x² <= 0.77, absolute error 2^-25.9
  static constexpr float erf[] = {0x1.06eba6p-3f,  -0x1.812702p-2f, 0x1.ce2026p-4f,
                                  -0x1.b6e876p-6f, 0x1.499098p-8f,  -0x1.445cdap-11f};
  // (1/2 + x) e^{x²} erfc(x) in (x − 2)/(x + 2), 0 <= x <= 10.5, relative error 2^-25.4 (Shepherd and
  // Laframboise 1981)
  static constexpr float erfcx_center = 2.0f;
  static constexpr float erfcx_largest = 10.5f;
  static constexpr float half_erfcx[] = {0x1.46e80ep-1f,   -0x1.7bf61cp-5f, -0x1.54080ap-4f, 0x1.4ffc8ap-4f,
                                         -0x1.bc10a6p-6f,  -0x1.08371ep-8f, 0x1.1b0a5ep-8f,  0x1.5a2d02p-11f,
                                         -0x1.436188p-11f, -0x1.a88966p-13f};
};
template <>
struct Coefficients<double> {
  static constexpr double log2_e = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42feep-1;
  static constexpr double ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double exp_largest = 710.0;
  static constexpr double exp_smallest = -756.0;
  static constexpr double sigmoid_smallest = -754.0;
  static constexpr double gaussian_largest = 38.75;
  static constexpr double expm1_smallest = -38.0;
  // relative error 2^-58.1
  static constexpr double exp[] = {0x1p-1,
                                   0x1.5555555555557p-3,
                                   0x1.5555555555551p-5,
                                   0x1.111111111002p-7,
                                   0x1.6c16c16c19196p-10,
                                   0x1.a01a01ac44875p-13,
                                   0x1.a01a0194e4b6cp-16,
                                   0x1.71de011d2f281p-19,
                                   0x1.27e5070c63e3ep-22,
                                   0x1.af501265fef27p-26,
                                   0x1.1f29a608415a4p-29};
  // relative error 2^-54 (of a term that is 0.6 % of the whole)
  static constexpr double log[] = {0x1.5555555555555p-1, 0x1.9999999999d59p-2, 0x1.249249242ee1bp-2,
                                   0x1.c71c725c5ee56p-3, 0x1.745cdb7521fa2p-3, 0x1.3b215933c2fcp-3,
                                   0x1.0f4a1544c367ap-3, 0x1.1023b86d5bb0ap-3};
  static constexpr double erf_boundary = 0.875;
  static constexpr double erf_largest = 6.0;
  // absolute error 2^-56.2
  static constexpr double erf[] = {0x1.06eba8214db69p-3,   -0x1.812746b0379ffp-2,  0x1.ce2f21a0437b5p-4,
                                   -0x1.b82ce312b1faap-6,  0x1.565bcd132ad8dp-8,   -0x1.c02db49b51fbfp-11,
                                   0x1.f9a330d1b9987p-14,  -0x1.f4d263bcefe5bp-17, 0x1.b9db7790370e2p-20,
                                   -0x1.5e8fe427f75d3p-23, 0x1.eb7f6ae07b94p-27,   -0x1.f2ed03f3b34d8p-31};
  // in (x − 4)/(x + 4), 0 <= x <= 27.5, relative error 2^-54.4
  static constexpr double erfcx_center = 4.0;
  static constexpr double erfcx_largest = 27.5;
  static constexpr double half_erfcx[] = {
      0x1.3ba5916e9fd7fp-1,   -0x1.1df1ad154a29cp-4,  0x1.f7f5df66fcb5bp-8,   0x1.16ecefcfa5fe2p-5,
      -0x1.9ddb23c3e5893p-5,  0x1.7fee004df8152p-5,   -0x1.0fb06dfe88ebp-5,   0x1.3079edf9bd75p-6,
      -0x1.0962387a17aecp-7,  0x1.49c671a5b99c9p-9,   -0x1.8d4aa3f4ec306p-12, -0x1.a1de93131357ap-14,
      0x1.3be104dc90577p-14,  -0x1.99681388eb8fep-17, -0x1.78ae56ad8331fp-18, 0x1.7f9e6044a909p-19,
      0x1.44fe63aa8f841p-23,  -0x1.bf31cc91318cfp-22, 0x1.0ac0e59f5aceap-25,  0x1.e7e7659c344a8p-25,
      -0x1.0fb996c1088cap-28, -0x1.c16888069acdfp-28, -0x1.b8a704a9c95e6p-31};
};

template <class V>
ASSAY_INLINE V magnitude(V x) {
  return from_bits<V>(bits(x) & ~Format<Element<V>>::sign);
}
/// |size| with the sign of x.
template <class V>
ASSAY_INLINE V with_sign_of(V size, V x) {
  constexpr auto sign = Format<Element<V>>::sign;
  return from_bits<V>((bits(size) & ~sign) | (bits(x) & sign));
}
/// x within [low, high]; NaN stays.
template <class V>
ASSAY_INLINE V clamp(V x, Element<V> low, Element<V> high) {
  x = x < low ? V{} + low : x;
  return x > high ? V{} + high : x;
}
/// The nearest integer, ties to even. REQUIRES: |x| < 2^(mantissa bits − 1).
template <class V>
ASSAY_INLINE V round_to_integer(V x) {
  constexpr auto shifter = Format<Element<V>>::two_to_mantissa * Element<V>(1.5);
  return (x + shifter) - shifter;
}
/// 2^n of integers in [1 − bias, bias].
template <class V>
ASSAY_INLINE V power_of_two(V n) {
  using F = Format<Element<V>>;
  return from_bits<V>(bits(n + (F::two_to_mantissa + F::bias)) << F::mantissa_bits);
}

/// a·b − product, where the product is a·b rounded (Dekker 1971 without fused multiply-add; then a bit of the
/// smallest partial product may be lost).
template <class V>
ASSAY_INLINE V product_error(V a, V b, V product) {
  if constexpr (kHasFma) {
    return fused(a, b, -product);
  } else {
    const V a_high = from_bits<V>(bits(a) & Format<Element<V>>::upper_half);
    const V b_high = from_bits<V>(bits(b) & Format<Element<V>>::upper_half);
    const V a_low = a - a_high;
    const V b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  }
}

/// Σ coefficients[i] x^(i − first) for i >= first.
template <int first = 0, class V, int Count>
ASSAY_INLINE V polynomial(V x, const Element<V> (&coefficients)[Count]) {
  V sum = V{} + coefficients[Count - 1];
  for (int i = Count - 2; i >= first; --i) sum = multiply_add(sum, x, V{} + coefficients[i]);
  return sum;
}

/// e^(x + low) = mantissa · scale1 · scale2, left apart so that a factor can be multiplied in before the
/// result underflows.
template <class V>
struct Exponential {
  V mantissa;
  V lost;  ///< in rounding the mantissa, for who wants more of it
  V scale1;
  V scale2;

  ASSAY_INLINE V value() const { return mantissa * scale1 * scale2; }
};

/// e^r − 1 of a reduced argument.
template <class V>
ASSAY_INLINE V reduced_expm1(V r) {
  return multiply_add(r * r, polynomial(r, Coefficients<Element<V>>::exp), r);
}

/// Cody and Waite's reduction: x + low = n·log 2 + r. REQUIRES: exp_smallest <= x <= exp_largest or NaN;
/// |low| is at most a few units, and small beside |x| where that is large.
template <class V>
ASSAY_INLINE Exponential<V> exponential(V x, V low = V{}) {
  using C = Coefficients<Element<V>>;
  const V n = round_to_integer((x + low) * C::log2_e);
  const V r = multiply_add(n, V{} - C::ln2_low, multiply_add(n, V{} - C::ln2_high, x) + low);
  const V half = round_to_integer(n * Element<V>(0.5));
  const V rest = reduced_expm1(r);
  const V mantissa = rest + Element<V>(1);
  return {mantissa, rest - (mantissa - Element<V>(1)), power_of_two(half), power_of_two(n - half)};
}

/// log((1 + f)·2^exponent) + correction, after FreeBSD's e_log.c. REQUIRES: √½ − 1 <= f < √2 − 1.
template <class V>
ASSAY_INLINE V reduced_log(V f, V exponent, V correction = V{}) {
  using T = Element<V>;
  using C = Coefficients<T>;
  const V s = f / (f + T(2));
  const V z = s * s;
  const V r = z * polynomial(z, C::log);
  const V half_square = T(0.5) * f * f;
  return exponent * C::ln2_high -
         ((half_square - (s * (half_square + r) + (exponent * C::ln2_low + correction))) - f);
}

/// x = (1 + fraction) · 2^exponent with √½ <= 1 + fraction < √2. REQUIRES: x is positive, normal and finite
/// (of other x the result has no meaning).
template <class V>
struct BinaryParts {
  V fraction;
  V exponent;
};
template <class V>
ASSAY_INLINE BinaryParts<V> split_binary(V x) {
  using F = Format<Element<V>>;
  const BitsVec<V> shifted = bits(x) + (F::one - F::sqrt_half);
  const V biased = from_bits<V>((shifted >> F::mantissa_bits) | bits(V{} + F::two_to_mantissa));
  return {from_bits<V>((shifted & F::mantissa) + F::sqrt_half) - Element<V>(1),
          biased - (F::two_to_mantissa + F::bias)};
}

}  // namespace assay::openmp::ASSAY_ISA
