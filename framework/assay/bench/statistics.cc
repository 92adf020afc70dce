#include "assay/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace assay::bench {
namespace {

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  std::ranges::sort(copy);
  return copy;
}

double quantile(const std::vector<double>& ascending, double share) {
  const double place = share * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  if (below + 1 == ascending.size()) return ascending.back();
  return std::lerp(ascending[below], ascending[below + 1], place - static_cast<double>(below));
}

// Twice the rank of every value of both samples, x first: a tie has the mean of its ranks, so that twice it
// is an integer. `tied` is Σ (t³ − t) over the groups of equal values.
std::vector<std::int64_t> doubled_ranks(std::span<const double> x, std::span<const double> y, double& tied) {
  std::vector<double> all(x.begin(), x.end());
  all.insert(all.end(), y.begin(), y.end());
  const std::vector<double> ascending = sorted(all);
  tied = 0;
  std::vector<std::int64_t> ranks;
  for (const double value : all) {
    const auto [first, last] = std::equal_range(ascending.begin(), ascending.end(), value);
    ranks.push_back((first - ascending.begin()) + (last - ascending.begin()) + 1);
    const auto t = static_cast<double>(last - first);
    tied += t * t - 1;  // each of the t members of a group adds a t-th of t³ − t
  }
  return ranks;
}

// The share of all choices of `size` of the ranks whose sum is at least as far from the mean as `sum` is.
double share_as_far(const std::vector<std::int64_t>& ranks, std::size_t size, std::int64_t sum) {
  std::int64_t total = 0;
  for (const std::int64_t rank : ranks) total += rank;
  // ways[k][s]: choices of k of the ranks seen so far with sum s.
  std::vector<std::vector<double>> ways(size + 1, std::vector<double>(static_cast<std::size_t>(total) + 1));
  ways[0][0] = 1;
  for (const std::int64_t rank : ranks) {
    const auto r = static_cast<std::size_t>(rank);
    for (std::size_t k = size; k > 0; --k) {
      for (std::size_t s = static_cast<std::size_t>(total); s >= r; --s) ways[k][s] += ways[k - 1][s - r];
    }
  }
  // Distances from the mean size · total / count, all times the count, in integers.
  const auto count = static_cast<std::int64_t>(ranks.size()), chosen = static_cast<std::int64_t>(size);
  const std::int64_t far = std::abs(sum * count - chosen * total);
  double as_far = 0, all = 0;
  for (std::int64_t s = 0; s <= total; ++s) {
    const double here = ways[size][static_cast<std::size_t>(s)];
    all += here;
    if (std::abs(s * count - chosen * total) >= far) as_far += here;
  }
  return as_far / all;
}

}  // namespace

Summary summarize(std::span<const double> values) {
  const std::vector<double> ascending = sorted(values);
  return {quantile(ascending, 0.5), quantile(ascending, 0.25), quantile(ascending, 0.75), ascending.front()};
}

Interval median_interval(std::span<const double> values, double coverage) {
  const std::vector<double> ascending = sorted(values);
  const std::size_t n = ascending.size();
  // Between the k-th smallest and the k-th largest: missed where fewer than k values lie on either side of
  // the median, 2 P(B < k) for B of n throws of a coin.
  const double all = std::exp2(-static_cast<double>(n));
  double probability = all, below = all;  // P(B = k − 1), P(B < k)
  Interval best{ascending.front(), ascending.back(), 1 - 2 * all};
  for (std::size_t k = 2; 2 * k <= n; ++k) {
    probability *= static_cast<double>(n - k + 2) / static_cast<double>(k - 1);
    below += probability;
    if (1 - 2 * below < coverage) break;
    best = {ascending[k - 1], ascending[n - k], 1 - 2 * below};
  }
  return best;
}

MannWhitney mann_whitney(std::span<const double> x, std::span<const double> y) {
  double tied = 0;
  const std::vector<std::int64_t> ranks = doubled_ranks(x, y, tied);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += ranks[i];
  const auto m = static_cast<double>(x.size()), n = static_cast<double>(y.size()), all = m + n;
  MannWhitney result;
  result.u = static_cast<double>(sum) / 2 - m * (m + 1) / 2;
  if (m * n <= kExactPairs) {
    result.p = share_as_far(ranks, x.size(), sum);
    return result;
  }
  const double variance = m * n / 12 * (all + 1 - tied / (all * (all - 1)));
  if (variance <= 0) return result;  // all values are equal
  // Half a step of U nearer to the mean: the correction for continuity.
  const double distance = std::max(0.0, std::abs(result.u - m * n / 2) - 0.5);
  result.p = std::erfc(distance / std::sqrt(2 * variance));
  return result;
}

}  // namespace assay::bench
