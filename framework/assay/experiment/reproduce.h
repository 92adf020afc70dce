// Reproducing a run: trained again from its own record, and compared bit by bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "assay/experiment/flat_config.h"
#include "assay/experiment/record_difference.h"
#include "assay/experiment/run.h"

namespace assay {

struct SeedReproduction {
  std::uint64_t seed = 0;
  RecordDifference difference;
};

struct Reproduction {
  std::vector<SeedReproduction> seeds;
  std::vector<Difference> environment;  ///< what the two runs stood on, where it differs
  std::vector<Difference> git;          ///< how the recorded repository stands now; no part of the result
  bool identical() const;
};

/// Trains the run in `run` again, into `scratch`, and compares. Throws Error where the run has not ended, or
/// its record does not hold or cannot be read.
Reproduction reproduce(const std::filesystem::path& run, const std::filesystem::path& scratch,
                       Registry& registry, RunObserver& observer, const std::atomic<bool>& stop);

}  // namespace assay
