#include "assay/experiment/run.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/run_record.h"

namespace assay {
namespace {

using Json = nlohmann::ordered_json;

// Writes what passes by, and passes it on.
class Recorder final : public RunObserver {
 public:
  Recorder(RunObserver& next, const std::filesystem::path& folder, const Problem& problem)
      : next_(next),
        problem_(problem),
        metrics_(folder / "metrics.jsonl"),
        checkpoints_(folder / "checkpoints", problem.experiment()) {}

  void begin_epoch(std::int64_t epoch, std::int64_t epochs, std::int64_t steps) override {
    next_.begin_epoch(epoch, epochs, steps);
  }
  void step(std::int64_t step, double loss) override { next_.step(step, loss); }
  void end_epoch(std::int64_t epoch, const std::map<std::string, double>& metrics) override {
    metrics_.flush();
    next_.end_epoch(epoch, metrics);
  }
  void row(const MetricRow& row) override {
    metrics_.append(row);
    next_.row(row);
  }
  void message(const std::string& text) override { next_.message(text); }
  void may_save(std::int64_t step, std::int64_t epoch, bool end_of_epoch, const StateStore& states,
                const std::map<std::string, double>& metrics) override {
    checkpoints_.may_save(step, epoch, end_of_epoch, problem_.model(), states, metrics);
  }
  void flush() { metrics_.flush(); }

 private:
  RunObserver& next_;
  const Problem& problem_;
  MetricsFile metrics_;
  CheckpointFolder checkpoints_;
};

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

std::map<std::string, Statistic> statistics(
    const std::vector<std::pair<std::uint64_t, TrainingResult>>& seeds) {
  std::map<std::string, Statistic> result;
  for (const auto& [name, first] : seeds.front().second.metrics) {
    double sum = 0, squares = 0, count = 0;
    for (const auto& [seed, training] : seeds) {
      const auto found = training.metrics.find(name);
      if (found == training.metrics.end()) continue;
      sum += found->second;
      ++count;
    }
    const double mean = sum / count;
    for (const auto& [seed, training] : seeds) {
      const auto found = training.metrics.find(name);
      if (found != training.metrics.end()) squares += (found->second - mean) * (found->second - mean);
    }
    result[name] = {mean, count > 1 ? std::sqrt(squares / (count - 1)) : 0.0};
  }
  return result;
}

Json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

std::string summary(const RunReport& report) {
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

std::vector<Verdict> judge(const Experiment& experiment, const std::map<std::string, Statistic>& metrics) {
  std::vector<Verdict> verdicts;
  for (const Expectation& expectation : experiment.expectations) {
    const auto found = metrics.find(expectation.metric);
    Verdict verdict{expectation, found == metrics.end() ? std::nan("") : found->second.mean, false};
    verdict.met = std::isfinite(verdict.value) &&
                  (!expectation.minimum || verdict.value >= *expectation.minimum) &&
                  (!expectation.maximum || verdict.value <= *expectation.maximum);
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace

RunReport run_experiment(const Experiment& experiment, const Registry& registry,
                         const std::filesystem::path& root, const std::filesystem::path& chosen_folder,
                         RunObserver& observer, const std::atomic<bool>& stop) {
  RunReport report;
  for (const std::uint64_t seed : experiment.seeds) {
    const Problem problem(experiment, registry, seed);
    Trainer trainer(problem);
    if (report.folder.empty()) {  // the first problem has found every error of the configuration
      report.folder = make_run_directory(experiment, root, chosen_folder);
      write_text(report.folder / "experiment.yaml", emit_yaml(experiment.resolved));
      write_environment(report.folder / "environment.json", problem, trainer.program());
    }
    std::filesystem::path folder = report.folder;
    if (experiment.seeds.size() > 1) {
      folder /= fmt::format("seed-{}", seed);
      std::filesystem::create_directories(folder);
      observer.message(fmt::format("seed {}", seed));
    }
    Recorder recorder(observer, folder, problem);
    TrainingResult result = trainer.run(recorder, stop);
    recorder.flush();
    // What a diverged run leaves is the replay's state, not a result.
    if (result.status != TrainingResult::Status::diverged) {
      write_weights(folder / "weights.safetensors", problem.model(), trainer.states(), false);
    }
    report.status = result.status;
    report.seeds.emplace_back(seed, std::move(result));
    const bool ended = report.status == TrainingResult::Status::diverged ||
                       report.status == TrainingResult::Status::interrupted;
    if (ended) break;
  }
  report.metrics = statistics(report.seeds);
  report.verdicts = judge(experiment, report.metrics);
  write_text(report.folder / "summary.json", summary(report));
  return report;
}

}  // namespace assay
