// summary.json: the status and the final metrics of a run, seed by seed.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "assay/experiment/run.h"

namespace assay {

std::string_view name_of(TrainingResult::Status status);

std::string summary_text(const RunReport& report);

/// What a summary says, read back.
struct Summary {
  std::string status;
  std::map<std::string, Statistic> metrics;
  std::vector<std::pair<std::uint64_t, TrainingResult>> seeds;
  bool expectations_met = true;
};

/// Throws Error where the file is missing or no summary.
Summary read_summary(const std::filesystem::path& path);

}  // namespace assay
