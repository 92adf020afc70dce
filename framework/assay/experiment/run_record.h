// The record of a run: a folder that holds what was asked for, what it ran on, what was measured, and the
// weights.
//   experiment.yaml      resolved: runs alone
//   environment.json     hashes of program, data and placement, versions, processor, instruction set,
//                        threads, memory
//   git.json, git.patch  the state of the repository around the experiment (git_state.h)
//   metrics.jsonl        rows {step, epoch, seed, name, value}, appended as they come
//   weights.safetensors  parameters and running statistics, <layer>.<parameter>
//   checkpoints/         step-N.safetensors, and latest, which names the newest
//   summary.json         status and final metrics
// With several seeds, a folder seed-N/ each holds metrics, weights and checkpoints.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assay/data/file.h"
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
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;
  /// Throws Error where the disk does not take it.
  void append(const MetricRow& row);
  void flush();
  /// On the disk, and how many bytes there are.
  std::uint64_t sync();
  /// Takes back what was appended after the first `bytes`. Throws Error where there are fewer.
  void truncate(std::uint64_t bytes);

 private:
  std::filesystem::path path_;
  std::FILE* file_;
  std::string line_;  ///< of the row under way; kept for its memory
};

/// weights.safetensors: parameters and statistics.
void write_weights(const std::filesystem::path& path, const Model& model, const StateStore& states);

/// Hashes the program and the library, once, for every environment_text, which waits for it otherwise. From
/// any thread.
void hash_program();

/// environment.json.
std::string environment_text(const Problem& problem, const Program& program,
                             std::span<const PluginRecord> plugins);

/// Text, whole or not at all.
void write_text(const std::filesystem::path& path, const std::string& text,
                file::Durability durability = file::Durability::now);

}  // namespace assay
