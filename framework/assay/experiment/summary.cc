#include "assay/experiment/summary.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "assay/core/error.h"
#include "assay/data/file.h"

namespace assay {
namespace {

using Json = nlohmann::ordered_json;

constexpr TrainingResult::Status kStatuses[] = {
    TrainingResult::Status::finished, TrainingResult::Status::stopped_early, TrainingResult::Status::diverged,
    TrainingResult::Status::interrupted};

Json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

double to_double(const Json& json) {
  if (json.is_number()) return json.get<double>();
  const auto text = json.get<std::string>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return text == "-Infinity" ? -HUGE_VAL : HUGE_VAL;
}

TrainingResult to_result(const Json& json) {
  TrainingResult result;
  const auto status = json.at("status").get<std::string>();
  for (const TrainingResult::Status candidate : kStatuses) {
    if (name_of(candidate) == status) result.status = candidate;
  }
  result.steps = json.at("steps").get<std::int64_t>();
  result.epochs = json.at("epochs").get<std::int64_t>();
  result.diagnosis = json.value("diagnosis", "");
  if (json.contains("metrics")) {
    for (const auto& [name, value] : json.at("metrics").items()) result.metrics[name] = to_double(value);
  }
  if (json.contains("confusion_matrix")) {
    for (const auto& [part, rows] : json.at("confusion_matrix").items()) {
      ConfusionMatrix& matrix = result.confusion[part];
      matrix.classes = static_cast<std::int64_t>(rows.size());
      for (const Json& row : rows) {
        for (const Json& count : row) matrix.counts.push_back(count.get<std::int64_t>());
      }
    }
  }
  return result;
}

}  // namespace

std::string_view name_of(TrainingResult::Status status) {
  switch (status) {
    case TrainingResult::Status::finished:
      return "finished";
    case TrainingResult::Status::stopped_early:
      return "stopped early";
    case TrainingResult::Status::diverged:
      return "diverged";
    case TrainingResult::Status::interrupted:
      return "interrupted";
  }
  return "";
}

std::string summary_text(const RunReport& report) {
  Json json{{"status", name_of(report.status)}};
  for (const auto& [name, statistic] : report.metrics) {
    json["metrics"][name] = {{"mean", number(statistic.mean)}, {"deviation", number(statistic.deviation)}};
  }
  for (const auto& [seed, training] : report.seeds) {
    Json one{{"seed", seed},
             {"status", name_of(training.status)},
             {"steps", training.steps},
             {"epochs", training.epochs}};
    for (const auto& [name, value] : training.metrics) one["metrics"][name] = number(value);
    for (const auto& [part, matrix] : training.confusion) {
      Json rows = Json::array();
      for (std::int64_t r = 0; r < matrix.classes; ++r) {
        rows.push_back(std::vector<std::int64_t>(matrix.counts.begin() + r * matrix.classes,
                                                 matrix.counts.begin() + (r + 1) * matrix.classes));
      }
      one["confusion_matrix"][part] = std::move(rows);
    }
    if (!training.diagnosis.empty()) one["diagnosis"] = training.diagnosis;
    json["seeds"].push_back(std::move(one));
  }
  for (const Verdict& verdict : report.verdicts) {
    Json one{{"metric", verdict.expectation.metric}, {"value", number(verdict.value)}, {"met", verdict.met}};
    if (verdict.expectation.minimum) one["min"] = *verdict.expectation.minimum;
    if (verdict.expectation.maximum) one["max"] = *verdict.expectation.maximum;
    json["expect"].push_back(std::move(one));
  }
  return json.dump(2) + "\n";
}

Summary read_summary(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file::read(path);
  Summary summary;
  try {
    const Json json =
        Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    summary.status = json.at("status").get<std::string>();
    if (json.contains("metrics")) {
      for (const auto& [name, statistic] : json["metrics"].items())
        summary.metrics[name] = {to_double(statistic.at("mean")), to_double(statistic.at("deviation"))};
    }
    for (const Json& one : json.at("seeds"))
      summary.seeds.emplace_back(one.at("seed").get<std::uint64_t>(), to_result(one));
    if (json.contains("expect")) {
      for (const Json& verdict : json["expect"])
        summary.expectations_met = summary.expectations_met && verdict.value("met", false);
    }
  } catch (const Json::exception&) {
    file::fail(path, fmt::format("'{}' is no summary of a run", path.string()),
               "remove it: the run then goes on from its checkpoints");
  }
  return summary;
}

}  // namespace assay
