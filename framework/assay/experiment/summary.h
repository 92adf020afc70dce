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

/// The seeds that a summary tells of: what a run that is continued need not train again. None where the file
/// does not exist. Throws Error where it is no summary.
std::vector<std::pair<std::uint64_t, TrainingResult>> read_summary(const std::filesystem::path& path);

}  // namespace assay
