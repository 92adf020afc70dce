// Where two records of one seed part: its measurements, the hashes of its weights, its checkpoints and its
// final weights, compared bit by bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// Representable numbers of the type between the two, 0 where both are the same bits; the largest value where
/// one of them is NaN or they are not of one sign and kind.
std::uint64_t ulps_between(double a, double b);
std::uint64_t ulps_between(float a, float b);

/// The first row of metrics.jsonl that is not the same.
struct MetricDifference {
  std::int64_t step = 0, epoch = 0;
  std::string name;
  std::optional<double> recorded{}, repeated{};  ///< nothing where that run has no such row

  /// Of float where both values are floats, as losses are where training is in f32; else of double.
  std::uint64_t ulps() const;
};

/// The first point at which hashes of weights are not the same.
struct WeightsDifference {
  std::int64_t step = 0, epoch = 0;  ///< updates and epochs done
  std::vector<std::string> tensors;
};

/// A tensor that is not the same.
struct TensorDifference {
  std::string tensor;
  std::vector<std::int64_t> index;  ///< of the first element that differs; empty where the shape does
  double recorded = 0, repeated = 0;
  std::int64_t differing = 0, elements = 0;
  std::uint64_t most_ulps = 0;
};

/// The first checkpoint, of those that both runs kept, whose states are not the same.
struct CheckpointDifference {
  std::int64_t step = 0;
  std::vector<TensorDifference> states;
};

/// A checkpoint that cannot be read, whose states are compared with nothing.
struct DamagedCheckpoint {
  std::int64_t step = 0;
  std::string reason;
};

struct RecordDifference {
  std::size_t rows = 0, tensors = 0, checkpoints = 0;  ///< compared
  std::optional<MetricDifference> metric;
  std::optional<WeightsDifference> weights;
  std::optional<std::int64_t>
      same_weights;  ///< the last step before both after which all hashes are the same
  std::optional<CheckpointDifference> checkpoint;
  std::vector<DamagedCheckpoint> damaged;       ///< of the record, as far as they were looked at
  std::vector<TensorDifference> final_weights;  ///< in the order of the file

  bool none() const { return !metric && !weights && !checkpoint && damaged.empty() && final_weights.empty(); }
  /// The steps (from 1) of which one was the first to go another way, as far as the record tells; nothing
  /// where it tells nothing.
  struct Steps {
    std::int64_t first = 1, last = 1;
  };
  std::optional<Steps> parting() const;
};

/// Both folders hold metrics.jsonl, weights.safetensors and perhaps checkpoints/. Throws Error where the
/// recorded one lacks a file that it should have, or a file other than a checkpoint is damaged.
RecordDifference difference_between(const std::filesystem::path& recorded,
                                    const std::filesystem::path& repeated);

}  // namespace assay
