// Dataset: samples and their targets as they were loaded, with what makes model inputs of them. Values stay
// in their stored dtype (images in bytes) until a batch asks for them; see batches.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assay/core/tensor.h"

namespace assay {

/// x → (x / divisor − mean[c]) / std[c], computed in double. c is the index along axis 1 of inputs [N, C,
/// ...]: the channel of an image, the column of a table. mean and std have C values, or one for all, or none
/// (mean 0, std 1).
struct InputTransform {
  double divisor = 1;
  std::vector<double> mean;
  std::vector<double> std;
};

struct Dataset {
  Tensor inputs;             ///< [N, ...], rank >= 2: f32, f64, i32 or u8
  Tensor targets;            ///< [N, ...], rank >= 2: f32 or f64; or i32 [N], class labels 0 to classes − 1
  std::int64_t classes = 0;  ///< > 0 exactly where the targets are labels
  std::vector<std::string> class_names;  ///< empty, or one per class
  InputTransform transform;
  std::string identity;  ///< ContentHash of the source, for the run record

  std::int64_t rows() const noexcept { return inputs.shape().rank() > 0 ? inputs.shape()[0] : 0; }
  bool has_labels() const noexcept { return classes > 0; }
  /// The shape of one input, and of one target ([] for a label).
  Shape input_shape() const;
  Shape target_shape() const;
};

struct SplitDataset {
  Dataset train;
  std::optional<Dataset> validation{};
  std::optional<Dataset> test{};

  /// Of all parts.
  std::string identity() const;
};

/// How targets that could be either are read.
enum class TargetReading : std::uint8_t {
  automatic,  ///< text and integers of rank 1 are labels, everything else is values
  number,     ///< values to be predicted
  label,      ///< class labels
};
TargetReading parse_target_reading(std::string_view name);

/// Makes a data set of arrays as they come: inputs [N] become [N, 1]; targets become labels i32 [N] or real
/// values [N, ...] of rank >= 2, by `kind`. Sets `classes` to the largest label + 1. Throws Error, about
/// `path`, by check().
Dataset make_dataset(Tensor inputs, Tensor targets, TargetReading kind, const std::filesystem::path& path);

/// Throws Error, about `path` (empty for generated data), where a data set cannot be trained on: no rows, 2³¹
/// or more, other counts of inputs and targets, a NaN or infinite value, a label outside [0, classes), as
/// many class names as classes.
void check(const Dataset& data, const std::filesystem::path& path);

/// Makes the parts of one source agree: `classes` becomes the largest of theirs. Throws Error, about `path`,
/// where their input or target shapes differ, or one has labels and another values.
void check_parts(SplitDataset& data, const std::filesystem::path& path);

/// Throws Error naming the first label that is `classes` or above; `model` says whose outputs are counted.
void check_labels_below(const Dataset& data, std::int64_t classes, std::string_view model);

/// The rows of those indices, in that order, as a data set of its own. REQUIRES: 0 <= each < data.rows().
Dataset take_rows(const Dataset& data, std::span<const std::int32_t> rows);

}  // namespace assay
