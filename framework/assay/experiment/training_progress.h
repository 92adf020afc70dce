// TrainingProgress: where training stands between two steps. With the states it is all that the next step depends on;
// random numbers are keyed by (seed, step), so that no generator has a state of its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "assay/experiment/metrics.h"

namespace assay {

struct TrainingProgress {
  std::int64_t step = 0;   ///< updates done
  std::int64_t epoch = 0;  ///< epochs done, their evaluation included
  std::int64_t batch = 0;  ///< batches done of the epoch under way

  double loss_sum = 0;                    ///< over the rows of the epoch under way
  std::int64_t rows_seen = 0;             ///< of the epoch under way
  std::map<std::string, double> metrics;  ///< last measured, by name: "train/loss", "test/accuracy"
  std::map<std::string, ConfusionMatrix> confusion;  ///< by part: "test"

  // Early stopping's memory; the state that reached the best value is kept beside the states.
  bool best_seen = false;
  double best_value = 0;
  std::int64_t epochs_waited = 0;
  bool stopped_early = false;
};

}  // namespace assay
