#include "assay/verify/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

namespace assay::verify {

const std::string& CoverageCell::reason() const {
  return std::ranges::max_element(refused, {}, [](const auto& entry) { return entry.second; })->first;
}

Coverage coverage_of(const std::vector<Check>& checks) {
  Coverage coverage;
  std::map<CoverageKey, std::set<std::string>> judged;
  for (const Check& check : checks) {
    const Subject& subject = check.subject;
    if (check.oracle != Oracle::lockstep || subject.backend.empty() ||
        subject.op.find('+') != std::string::npos)
      continue;
    const CoverageKey key{subject.op, subject.backend, subject.dtype};
    CoverageCell& cell = coverage[key];
    if (check.status == Status::skipped) {
      ++cell.refused[check.detail];
    } else if (judged[key].insert(subject.geometry).second) {
      ++cell.judged;
    }
  }
  return coverage;
}

std::string to_string(const Coverage& coverage) {
  std::set<std::string> ops, backends;
  std::set<DType> dtypes;
  std::int64_t judged = 0, fewest = std::numeric_limits<std::int64_t>::max();
  std::map<std::string, std::map<std::string, std::vector<std::string>>>
      missing;  // backend dtype → reason → ops
  for (const auto& [key, cell] : coverage) {
    ops.insert(key.op);
    backends.insert(key.backend);
    dtypes.insert(key.dtype);
    if (cell.offered()) {
      ++judged;
      fewest = std::min(fewest, cell.judged);
    } else {
      missing[fmt::format("{} {}", key.backend, name_of(key.dtype))][cell.reason()].push_back(key.op);
    }
  }
  std::string text = fmt::format("Coverage: {} of {} cells judged ({} ops, {} backends, {} dtypes)", judged,
                                 coverage.size(), ops.size(), backends.size(), dtypes.size());
  if (judged > 0) text += fmt::format(", each on {} geometries or more", fewest);
  text += "\n";
  for (const auto& [column, reasons] : missing) {
    for (const auto& [reason, names] : reasons) {
      text += fmt::format(
          "  not on {}: {}: {}\n", column,
          names.size() == ops.size() ? std::string("every op") : fmt::format("{}", fmt::join(names, ", ")),
          reason);
    }
  }
  return text;
}

}  // namespace assay::verify
