// The trials of a sweep: every combination that its method names, each with its resolved configuration, whose
// hash is the trial's identity.
#pragma once

#include <string>
#include <vector>

#include "assay/experiment/experiment.h"
#include "assay/experiment/flat_config.h"
#include "assay/sweep/sweep_file.h"

namespace assay::sweep {

struct Trial {
  std::string id;            ///< 12 hexadecimal digits of the configuration's identity
  Settings assignment;       ///< what varies
  ConfigNode configuration;  ///< resolved: can be run alone
  FlatConfig flat;
};

/// In the order of the file; the last parameter of a grid varies fastest. Throws Error where a trial's
/// configuration is wrong, two trials are the same, or a random search does not find as many as it should.
/// REQUIRES: the experiment's own file can be read.
std::vector<Trial> make_trials(const SweepFile& sweep, const Registry& registry);

/// Builds the first trial, with its data, and throws Error where it cannot be trained or does not measure the
/// objective.
void check_first(const SweepFile& sweep, const std::vector<Trial>& trials, const Registry& registry);

/// "optimizer.learning_rate=0.001 model.layers[hidden].units=128".
std::string label_of(const Settings& assignment);

}  // namespace assay::sweep
