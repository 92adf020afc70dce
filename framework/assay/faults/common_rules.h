// Four acceptance rules in common use, put to the same faults for comparison, each favoured: data with full
// mantissas over all geometries, exact truth in the place of noisy finite differences, random cotangents, and
// no rule is charged with a case on which it rejects the correct code.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "assay/faults/fault.h"

namespace assay::faults {

inline constexpr int kCommonRules = 4;
inline constexpr std::array<std::string_view, kCommonRules> kCommonRuleNames = {
    "gradient check, rtol 1e-3 atol 1e-5", "between backends, rtol 1.3e-6 atol 1e-5",
    "normalised mean square 5e-4", "mean asymmetric error 1e-4"};

struct Comparison {
  /// Which rules reject the fault somewhere where they accept the correct code.
  std::array<bool, kCommonRules> rejected{};
  /// Every result of the fault has the bits of the correct one's, on every case and number of threads, and
  /// nothing else was touched.
  bool same_bits = true;
};

using Numbers = std::vector<double>;
/// Whether the rule of that number takes `got` for `want`, tensor by tensor.
bool accepts(int rule, const std::vector<Numbers>& got, const std::vector<Numbers>& want);

/// Runs the fault beside the correct code. `right` and `wrong` are registries without and with the fault.
Comparison compare_with_correct(const Registry& right, const Registry& wrong, const Fault& fault);

}  // namespace assay::faults
