// Checkpoint: all that training depends on from here on, in one file. A safetensors file, which other tools
// read:
//   <layer>.<parameter>, optimizer/...   the states, under their own names
//   best/<state>                         those that reached early stopping's best value
//   __metadata__                         progress, the experiment, the identity of its data, a hash of each
//   tensor, and
//                                        one of the metadata
// Whatever bit of it changes, reading says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "assay/data/named_tensor.h"
#include "assay/experiment/training_progress.h"

namespace assay {

/// What a checkpoint says beside its tensors.
struct CheckpointHead {
  std::uint64_t seed = 0;
  std::string experiment;           ///< resolved, as YAML
  std::string data;                 ///< SplitDataset's identity
  std::uint64_t metrics_bytes = 0;  ///< of metrics.jsonl when it was written
  double score = 0;                 ///< less is better; infinite where nothing was measured
  TrainingProgress progress;
};

/// One that was read.
struct Checkpoint : CheckpointHead {
  std::vector<NamedTensor> states;  ///< in the order of the model's
  std::vector<NamedTensor> best;    ///< of the same names; empty where none is kept
};

/// One to be written, before anything changes its tensors: they are looked at where they lie, for copying
/// them takes as long as writing them.
struct CheckpointView : CheckpointHead {
  CheckpointView() = default;
  explicit CheckpointView(const Checkpoint& checkpoint);

  std::vector<NamedView> states, best;
  std::vector<Tensor> copies;  ///< what the views of reordered states look at
};

/// Whole or not at all, and on the disk when it returns. Throws Error where the disk does not take it.
void write_checkpoint(const std::filesystem::path& path, const CheckpointView& checkpoint);

/// Throws Error naming what is damaged: the file's structure, a tensor, the metadata, or its version.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace assay
