// Random experiments: models of whatever layers, losses and optimizers are registered, built from the
// descriptions of their fields, on shapes and data that fit — as the tree of an experiment file, so that any
// of them is a file. And smaller ones like it, for the search of the smallest that still shows a defect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/experiment/config_tree.h"
#include "assay/experiment/experiment.h"
#include "assay/registry/registry.h"

namespace assay::verify {

/// A model with its loss and optimizer; the data follow from it, the number of rows and the seed.
struct RandomExperiment {
  ConfigNode root;  ///< an experiment file without data
  std::int64_t rows = 1;
  std::uint64_t seed = 0;
};

/// Number `index` of the sequence of `seed`.
RandomExperiment random_experiment(const Registry& registry, std::uint64_t seed, std::int64_t index);

/// The text of the file, with data inline; nothing where the model does not fit together.
std::optional<std::string> file_of(const RandomExperiment& experiment, const Registry& registry);

/// What one step smaller is: a layer, an input of a merge, a setting or a row fewer, a smaller number. Larger
/// steps first. Not all of them fit together.
std::vector<RandomExperiment> smaller(const RandomExperiment& experiment);

/// "conv2d relu residual(dense) flatten dense, huber, adam".
std::string summary_of(const RandomExperiment& experiment);

}  // namespace assay::verify
