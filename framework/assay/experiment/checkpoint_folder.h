// CheckpointFolder: which checkpoints of a run are written, which are kept, and which one to go on from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assay/experiment/checkpoint.h"
#include "assay/experiment/experiment.h"

namespace assay {

/// (step, file) of every checkpoint in the folder, oldest first, by their names alone.
std::vector<std::pair<std::int64_t, std::filesystem::path>> checkpoint_files(
    const std::filesystem::path& folder);

class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path folder, const Experiment& experiment);

  /// Whether the experiment asks for a checkpoint at this point.
  bool is_due(const TrainingProgress& progress, bool end_of_epoch) const;

  /// Writes step-N.safetensors, then the pointer `latest`, then removes what the experiment does not keep.
  /// Sets the checkpoint's score. Throws Error where the disk does not take it: the older ones are then still
  /// there.
  void save(CheckpointView checkpoint);

  /// The newest that is whole, or none. Remembers the others that are, to be kept or removed as the run goes
  /// on; what a killed process left half written is removed, and for each damaged file a line is added to
  /// `findings`.
  std::optional<Checkpoint> newest(std::vector<std::string>& findings);

  /// Of a finished run that was asked for no checkpoints: those of its interruptions.
  void clear();

 private:
  struct Kept {
    std::filesystem::path file;
    double score;
  };
  void prune();

  std::filesystem::path folder_;
  const Experiment& experiment_;
  std::vector<Kept> kept_;  ///< oldest first
};

}  // namespace assay
