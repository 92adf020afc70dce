// Faults of the compiler before the oracles of programs: on one step of training of random models.
#pragma once

#include <string>
#include <vector>

#include "assay/faults/common_rules.h"
#include "assay/faults/fault.h"
#include "assay/verify/check.h"

namespace assay::faults {

struct ProgramVerdict {
  verify::Report report;
  Comparison comparison;
};

/// Every check of the programs that `compile` makes for a backend, on each of a few random models.
ProgramVerdict judge_programs(const Registry& registry, const std::string& backend,
                              const verify::Compile& compile, std::uint64_t seed);

}  // namespace assay::faults
