// Statistics of timings: what a handful of rounds on a machine that others use, too, can and cannot say. No
// normal distribution is assumed anywhere: timings have a floor and a long tail.
#pragma once

#include <span>

namespace assay::bench {

struct Summary {
  double median = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
  double minimum = 0;
};

/// Quantiles between order statistics by linear interpolation (Hyndman and Fan 1996, type 7). REQUIRES:
/// values is not empty.
Summary summarize(std::span<const double> values);

struct Interval {
  double low = 0;
  double high = 0;
  double coverage = 0;  ///< the probability with which an interval so made covers the median; 0: none is made
};

/// The narrowest interval between two order statistics, as far from both ends, that covers the median of the
/// distribution with this probability at least; the whole range, with its coverage, where the values are too
/// few. The inversion of the sign test: nothing is assumed but that values are independent. REQUIRES: values
/// is not empty.
Interval median_interval(std::span<const double> values, double coverage);

struct MannWhitney {
  double u = 0;  ///< pairs (x, y) with x > y, and half of those with x = y
  double p = 1;  ///< two-sided: of a U at least as far from its mean, if both come from one distribution
};

/// Mann and Whitney 1947. The distribution of U is that over all divisions of the values into two samples,
/// ties included: counted out, for up to kExactPairs pairs; beyond, normal with the variance corrected for
/// ties. REQUIRES: neither sample is empty.
MannWhitney mann_whitney(std::span<const double> x, std::span<const double> y);

/// Counting costs time as the pairs times the ranks' sum; at this size, milliseconds.
inline constexpr double kExactPairs = 2500;

}  // namespace assay::bench
