// A standard normal number from 128 random bits, by Box and Muller (1958): √(−2 log u) · cos 2πv. It takes
// sums, products, quotients and square roots alone, in one order and without a branch, so that every
// processor and every instruction set makes the same bits, which the C library's log and cos do not promise,
// and that loops over it become vector code.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace assay {
namespace {

// By a signed conversion, which every instruction set has.
inline double from_unsigned(std::uint32_t bits) {
  return static_cast<double>(static_cast<std::int32_t>(bits ^ 0x80000000u)) + 0x1p31;
}

// Uniform in [0, 1): the upper 53 bits.
inline double unit(std::uint32_t high, std::uint32_t low) {
  return (from_unsigned(high) * 0x1p21 + static_cast<double>(static_cast<std::int32_t>(low >> 11))) * 0x1p-53;
}

// log u of a normal number u > 0, within 1 ulp: u = 2^k m with √½ ≤ m < √2, and
// log m = 2 artanh s = f − f²/2 + s (f²/2 + R(s²)) for f = m − 1, s = f / (2 + f). The minimax coefficients
// of R and log 2 in two parts are those of fdlibm's e_log.c.
inline double log_of(double u) {
  const auto bits = std::bit_cast<std::uint64_t>(u);
  const std::uint64_t above = bits - std::bit_cast<std::uint64_t>(0.70710678118654752440);
  const double k = static_cast<double>(static_cast<std::int32_t>(above >> 32) >> 20);
  const double f = std::bit_cast<double>(bits - (above & 0xfff0000000000000u)) - 1.0;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double odd =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double even =
      w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double half = 0.5 * f * f;
  return k * 6.93147180369123816490e-01 -
         ((half - (s * (half + (odd + even)) + k * 1.90821492927058770002e-10)) - f);
}

// cos 2πv for 0 ≤ v < 1, within 2 ulp: ±cos or ±sin of at most a quarter of π to the nearest quarter turn,
// with the minimax coefficients of fdlibm's k_cos.c and k_sin.c.
inline double cos_of_turns(double v) {
  const double quarters = 4.0 * v;
  const auto nearest = static_cast<std::int32_t>(quarters + 0.5);
  const double x = (quarters - static_cast<double>(nearest)) * 1.57079632679489661923;
  const double z = x * x;
  const double cosine =
      1.0 -
      (0.5 * z - z * z *
                     (4.16666666666666019037e-02 +
                      z * (-1.38888888888741095749e-03 +
                           z * (2.48015872894767294178e-05 +
                                z * (-2.75573143513906633035e-07 +
                                     z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))))));
  const double sine =
      x + x * z *
              (-1.66666666666666324348e-01 +
               z * (8.33333333332248946124e-03 +
                    z * (-1.98412698298579493134e-04 +
                         z * (2.75573137070700676789e-06 +
                              z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
  const double at = (nearest & 1) != 0 ? sine : cosine;
  return ((nearest + 1) & 2) != 0 ? -at : at;
}

inline double box_muller(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return std::sqrt(-2.0 * log_of(1.0 - unit(a, b))) * cos_of_turns(unit(c, d));
}

}  // namespace
}  // namespace assay
