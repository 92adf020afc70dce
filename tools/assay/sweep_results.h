// The results of a sweep as a table: text, CSV and JSON.
#pragma once

#include <string>
#include <vector>

#include "assay/sweep/plan.h"

namespace assay::cli {

/// The order of the trials by the sweep's objective, best first; those without a result come last.
std::vector<std::size_t> best_first(const sweep::SweepFile& file,
                                    const std::vector<sweep::Standing>& standings);

std::string results_as_text(const sweep::SweepFile& file, const std::vector<sweep::Trial>& trials,
                            const std::vector<sweep::Standing>& standings);
std::string results_as_csv(const sweep::SweepFile& file, const std::vector<sweep::Trial>& trials,
                           const std::vector<sweep::Standing>& standings);
std::string results_as_json(const sweep::SweepFile& file, const std::vector<sweep::Trial>& trials,
                            const std::vector<sweep::Standing>& standings);

}  // namespace assay::cli
