#include <algorithm>
#include <cmath>

#include "assay/faults/common_rules.h"

namespace assay::faults {
namespace {

bool all_close(const Numbers& got, const Numbers& want, double relative, double absolute) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(got[i] - want[i]) <= absolute + relative * std::abs(want[i])) && got[i] != want[i])
      return false;
  }
  return true;
}

bool mean_square_close(const Numbers& got, const Numbers& want) {
  double error = 0, energy = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    energy += want[i] * want[i];
  }
  return error == 0 || error / energy <= 5e-4;
}

bool asymmetric_close(const Numbers& got, const Numbers& want) {
  double sum = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] != want[i]) sum += std::abs(got[i] - want[i]) / std::abs(got[i] + want[i]);
  }
  return got.empty() || sum <= 1e-4 * static_cast<double>(got.size());
}

bool accepts(int rule, const Numbers& got, const Numbers& want) {
  if (got.size() != want.size()) return false;
  switch (rule) {
    case 0:
      return all_close(got, want, 1e-3, 1e-5);
    case 1:
      return all_close(got, want, 1.3e-6, 1e-5);
    case 2:
      return mean_square_close(got, want);
    default:
      return asymmetric_close(got, want);
  }
}

}  // namespace

bool accepts(int rule, const std::vector<Numbers>& got, const std::vector<Numbers>& want) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!accepts(rule, got[i], want[i])) return false;
  }
  return true;
}

}  // namespace assay::faults
