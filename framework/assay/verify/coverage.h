// Coverage: which cells of op × backend × dtype a report has judged, on how many geometries, and why the
// others are empty.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "assay/verify/check.h"

namespace assay::verify {

/// One op on one backend in one dtype, as lockstep saw it.
struct CoverageCell {
  std::int64_t judged = 0;                        ///< geometries
  std::map<std::string, std::int64_t> refused{};  ///< geometries by the backend's reason
  bool offered() const { return judged > 0; }
  /// The reason of most refusals. REQUIRES: there are some.
  const std::string& reason() const;
};

struct CoverageKey {
  std::string op, backend;
  DType dtype;
  friend auto operator<=>(const CoverageKey&, const CoverageKey&) = default;
};

using Coverage = std::map<CoverageKey, CoverageCell>;

/// Of single ops; fused chains have no cells.
Coverage coverage_of(const std::vector<Check>& checks);

/// "528 of 672 cells (84 ops, 4 backends, 2 dtypes) judged, each on 40 geometries or more; not offered: ...",
/// one line per backend, dtype and reason.
std::string to_string(const Coverage& coverage);

}  // namespace assay::verify
