// A hash of the weights among the measurements, so that two runs which part can be told when.
#pragma once

#include "assay/experiment/training_progress.h"
#include "assay/layers/model.h"
#include "assay/program/state.h"

namespace assay {

/// The measurement's name.
inline constexpr const char* kWeightsHash = "train/weights_hash";

/// Steps from one hash to the next: a hash costs about as much as a copy of the weights.
inline constexpr std::int64_t kWeightsHashInterval = 100;

/// Whether the weights are hashed at this point: after every epoch, and every so many steps.
bool weights_hash_is_due(const TrainingProgress& progress, bool end_of_epoch);

/// 52 bits of a hash of every parameter and running statistic, by name: a whole number that a row of metrics
/// holds exactly.
double weights_hash(const Model& model, const StateStore& states);

}  // namespace assay
