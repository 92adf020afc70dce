// Hashes of the weights among the measurements, so that two runs which part can be told when, and in which
// tensor.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "assay/experiment/training_progress.h"
#include "assay/layers/model.h"
#include "assay/program/state.h"

namespace assay {

/// The measurement's name; of one tensor, this, a slash and the tensor's.
inline constexpr const char* kWeightsHash = "train/weights_hash";

/// Steps from one hash to the next: a hash costs about as much as a copy of the weights.
inline constexpr std::int64_t kWeightsHashInterval = 100;

/// Whether the weights are hashed at this point: after every epoch, and every so many steps. They are hashed
/// before the first step as well.
bool weights_hash_is_due(const TrainingProgress& progress, bool end_of_epoch);

/// (measurement, value) for all of them, then for every parameter and running statistic: 52 bits of a hash, a
/// whole number that a row of metrics holds exactly.
std::vector<std::pair<std::string, double>> weights_hashes(const Model& model, const StateStore& states);

}  // namespace assay
