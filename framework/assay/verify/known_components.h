// V for what experiments are made of: layers, losses, optimizers, initialisers and schedules. Their ops are
// judged apart; whether a layer builds the right ones of the right settings — the unbiased variance, an odd
// row of padding at the bottom, nothing dropped in inference — no comparison of its graph with itself can
// say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assay/layers/layer.h"
#include "assay/layers/schedule.h"
#include "assay/verify/known_values.h"

namespace assay::verify {

/// A parameter or a statistic of a layer.
struct KnownState {
  std::string name;
  KnownTensor value;
  std::string initializer{};  ///< how it starts where the experiment does not say; empty: not known
  Fans fans{};                ///< of a parameter
  std::optional<KnownTensor> successor{};  ///< of a statistic, after the step
};

/// One layer named "known", in training or in inference. Random numbers are of seed 3, step 2 and samples
/// 10, 11, ...
struct KnownLayer {
  std::string layer;
  Fields fields{};
  Mode mode = Mode::training;
  std::vector<KnownTensor> inputs;
  std::vector<KnownState> states{};
  KnownTensor output{};
  std::string source;
};

/// The first values of a parameter "known.weight" with seed 3.
struct KnownInitializer {
  std::string initializer;
  Fields fields{};
  Fans fans{};
  KnownTensor values{};
  std::string source;
};

/// The learning rate where training stands at `progress`.
struct KnownSchedule {
  std::string schedule;
  Fields fields{};
  double base = 1.0;
  Progress progress{};
  std::string rate;
  std::string source;
};

// At least one of each for every built-in layer but activations, initialiser and schedule. Activations,
// losses and optimizers stand for ops, whose known values they have to give.
std::vector<KnownLayer> known_layers();
std::vector<KnownInitializer> known_initializers();
std::vector<KnownSchedule> known_schedules();

}  // namespace assay::verify
