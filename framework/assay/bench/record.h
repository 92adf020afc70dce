// Measurements as JSON: what `assay bench --format json` writes and --compare reads, and what the processes
// that measure send.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "assay/bench/bench.h"

namespace assay::bench {

void to_json(nlohmann::ordered_json& json, const Facts& facts);
void from_json(const nlohmann::ordered_json& json, Facts& facts);
void to_json(nlohmann::ordered_json& json, const OpTime& time);
void from_json(const nlohmann::ordered_json& json, OpTime& time);
void to_json(nlohmann::ordered_json& json, const Measurement& measurement);
void from_json(const nlohmann::ordered_json& json, Measurement& measurement);

/// {"format": "assay-bench", "version": 1, "environment": {…}, "measurements": […]}, with a line break at the
/// end. Seconds of every round are kept, so that two reports can be compared.
std::string to_report(std::span<const Measurement> measurements);

/// Throws Error, naming the file, where it cannot be read or holds no report of this format and version.
std::vector<Measurement> read_report(const std::filesystem::path& path);

}  // namespace assay::bench
