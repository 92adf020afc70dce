// Divergence: where the first value that is not finite arose. The state is kept every so many steps; when a
// step goes wrong, training is replayed from there, op by op (everything is keyed, so the same bits come
// again). The value may have arisen in an earlier step than the one whose loss showed it: an update that
// overflows spoils the loss of the next step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assay/experiment/step.h"
#include "assay/program/state.h"

namespace assay {

/// A copy of every state, as it lies. Saving again reuses the memory.
class StateSnapshot {
 public:
  void save(const StateStore& states);
  /// REQUIRES: the store has the entries that were saved, in the same layouts.
  void restore(StateStore& states) const;

 private:
  std::vector<Tensor> buffers_;
};

/// Whether every number of every state is finite.
bool all_finite(const StateStore& states);

class DivergenceTracker {
 public:
  /// Steps between copies of the state: what a replay costs at most, against a copy's share of a step.
  static constexpr std::int64_t kInterval = 64;

  /// Training stands before step `step` (from 0), batch `k` of epoch `epoch`.
  DivergenceTracker(const StateStore& states, std::int64_t step, std::int64_t epoch, std::int64_t k)
      : step_(step), epoch_(epoch), k_(k) {
    snapshot_.save(states);
  }

  /// Called before step `step` (from 0), batch `k` of epoch `epoch`. False where a state is looked at, which is
  /// every kInterval steps, and is not finite: an earlier step went wrong, whose loss did not show it.
  bool before_step(const StateStore& states, std::int64_t step, std::int64_t epoch, std::int64_t k);

  /// Replays up to the step that went wrong and says where: step, layer, op, element, and what to try. The
  /// states are then those of the place found.
  std::string diagnose(StateStore& states, Batches& batches, StepRunner& runner, std::int64_t step,
                       const StepResult& seen) const;

 private:
  StateSnapshot snapshot_;
  std::int64_t step_, epoch_, k_;
};

}  // namespace assay
