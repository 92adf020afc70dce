// The record of a run: a folder that holds what was asked for, what it ran on, what was measured, and the
// weights.
//   experiment.yaml      resolved: runs alone
//   environment.json     versions, processor, instruction set, threads, data, placement, memory
//   metrics.jsonl        rows {step, epoch, seed, name, value}, appended as they come
//   weights.safetensors  parameters and running statistics, <layer>.<parameter>
//   checkpoints/         the whole state, with the optimizer's
//   summary.json         status and final metrics
// With several seeds, a folder seed-N/ each holds metrics, weights and checkpoints.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "assay/experiment/trainer.h"

namespace assay {

/// A new folder runs/<name>/<utc time>-<hash of the configuration>/ under `root`, or `chosen` where it is not
/// empty. Throws Error where it cannot be made or `chosen` holds a run already.
std::filesystem::path make_run_directory(const Experiment& experiment, const std::filesystem::path& root,
                                         const std::filesystem::path& chosen);

/// Appends rows to metrics.jsonl; a row is one line of JSON, numbers shortest round-trip, "NaN" and
/// "Infinity" as text.
class MetricsFile {
 public:
  /// Throws Error where the file cannot be opened.
  explicit MetricsFile(const std::filesystem::path& path);
  ~MetricsFile();
  /// Throws Error where the disk does not take it.
  void append(const MetricRow& row);
  void flush();

 private:
  std::filesystem::path path_;
  std::FILE* file_;
};

/// environment.json.
void write_environment(const std::filesystem::path& path, const Problem& problem, const Program& program);

/// weights.safetensors: parameters and statistics; with `slots`, what the optimizer remembers too.
void write_weights(const std::filesystem::path& path, const Model& model, const StateStore& states,
                   bool slots);

/// Text, whole or not at all.
void write_text(const std::filesystem::path& path, const std::string& text);

/// Saves checkpoints/ as the experiment asks, and removes what it does not keep.
class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path folder, const Experiment& experiment);
  void may_save(std::int64_t step, std::int64_t epoch, bool end_of_epoch, const Model& model,
                const StateStore& states, const std::map<std::string, double>& metrics);

 private:
  struct Kept {
    std::filesystem::path file;
    double score;
  };
  std::filesystem::path folder_;
  const Experiment& experiment_;
  std::vector<Kept> kept_;  ///< oldest first
};

}  // namespace assay
