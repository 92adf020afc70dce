// Every number that a verdict rests on and no theorem fixes, in one place, with the reason for its size.
#pragma once

#include <cstdint>

namespace assay::verify {

/// E: draws of integers are repeated until a wrong polynomial would have escaped all of them with less than
/// this probability (Schwartz 1980, Zippel 1979: degree / (2R + 1) per draw from [−R, R]).
inline constexpr double kMissProbability = 1e-9;

/// S: independent draws. With every draw's bias of one sign the statistic is √64 = 8.
inline constexpr int kBiasDraws = 64;
/// S: a statistic above this is a systematic error. For draws whose errors are independent and symmetric,
/// P(T ≥ t) ≤ 2 e^{−t²/2} (Efron 1969): below 5·10⁻¹¹, and below 2·10⁻⁴ for any of the 3·10⁶ of a full run.
inline constexpr double kBiasDeviations = 7.0;
/// S: a coherent relative error of so many unit roundoffs is granted: constants such as 1/n are rounded once.
/// Of F(4 × 4, 3 × 3), two with each weight; along the result, for independent numbers, their errors come to
/// Σ_i |A_ik Σ_r G_ir B_i,k+r| / 3 ≤ 1.28 times as much in each direction: 3.3 in all.
inline constexpr double kBiasGrantedRoundings = 4.0;
/// S: 3/N bounds, at 95 % confidence, the rate of an event that N independent trials have not shown (the rule
/// of three: (1 − 3/N)^N ≤ e⁻³ < 5 %). The rate of false alarms that a full run is to support, and its
/// trials.
inline constexpr double kRuleOfThree = 3.0;
inline constexpr double kBiasFalseAlarms = 1e-6;

/// D, F on quad's 113 bits are held to the 53 of f64, whose oracle quad is: the 60 bits between are there for
/// rounding and for the conditioning of the case.
inline constexpr double kOracleRoundoff = 0x1p-53;
/// F: step of central differences in quad. Truncation h² f‴/6 and rounding 2⁻¹¹³ f/h both lie far below
/// kOracleRoundoff.
inline constexpr int kDifferenceExponent = -38;

/// T: halvings of the step, and the order of convergence that the remainder has to show over them. A
/// remainder of second order shows 2.
inline constexpr int kTaylorHalvings = 3;
inline constexpr double kTaylorOrder = 1.95;
/// T: first steps to try, powers of two: where a kink lies within the first, it rarely lies within the last.
inline constexpr int kTaylorFirstExponents[] = {-12, -20, -28, -36};

/// F, T: what a value in quad may be off by as a share of its terms: 2⁻¹¹³ and 2¹³ roundings.
inline constexpr int kQuadRoundingExponent = -100;

/// C: the most units in the last place that a function of a backend may be off by.
inline constexpr double kContractUlp = 16.0;

/// V: digits that known values have, 26 decimals; and what quad's own error is of a bound for f64, to first
/// order the ratio of their unit roundoffs, 2⁻⁶⁰, and 2² for the functions of quad.
inline constexpr int kKnownDigitsExponent = -82;
inline constexpr int kQuadShareExponent = -58;

/// L, R: elements of a tensor from which kernels share their work among threads (the largest grain is 16384
/// elements per thread), four threads at least.
inline constexpr std::int64_t kSharedElements = 70000;
/// The same of two threads.
inline constexpr std::int64_t kTwoShares = 33000;
/// R: multiply-adds that products and convolutions share among kThreadCounts, of 65536 for each.
inline constexpr double kSharedWork = 17 * 65536;
/// L: elements of a row that 16 bits do not count, with a sign or without.
inline constexpr std::int64_t kLongRow = 2 * 65536 + 16;
/// Extents of a matrix, or of a plane, that is moved in tiles: the largest has 64 rows and columns.
inline constexpr std::int64_t kTwoTiles = 129;
/// And extents, outermost and innermost, that are cut into several blocks at once where the others are short.
inline constexpr std::int64_t kBlockRows = 257, kBlockColumns = 600;
/// And all of a product, each longer than any block: of up to 512 terms, and of up to 945 rows and columns
/// where terms are many.
inline constexpr std::int64_t kProductExtent = 961, kProductTerms = 513;

/// Filters and channels of convolutions whose weights, of 3 × 3 taps, take more than 4 MiB.
inline constexpr std::int64_t kManyFilters = 345;

/// D: elements of the same, in quad.
inline constexpr std::int64_t kLongRuleRow = 8192 + 8;
/// M: elements of the inputs of one part, at most, where many parts are run as one whole.
inline constexpr std::int64_t kPartElements = 300;

/// Values of a setting that is a number: a few to every power of ten around 1, where settings have their
/// limits, and some below 0.
inline constexpr double kSettingsLadder[] = {-3.5, -0.6, -0.02, 0.003, 0.03, 0.07, 0.2,
                                             0.4,  0.7,  0.97,  1.7,   6.5,  40.0};

/// R: reruns, and numbers of threads.
inline constexpr int kReruns = 20;
inline constexpr int kThreadCounts[] = {1, 2, 3, 8, 17};

}  // namespace assay::verify
