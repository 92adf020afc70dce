// One training step: its batch, its scalars, and one run of the program for its number of rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "assay/data/batches.h"
#include "assay/experiment/problem.h"

namespace assay {

struct StepResult {
  double loss = 0;
  std::optional<double> gradient_norm{};  ///< before clipping; nothing where gradients are not clipped
  std::int64_t rows = 0;
};

class StepRunner {
 public:
  /// Everything given outlives the runner. `programs` are training programs by number of rows.
  StepRunner(const Problem& problem, Batches& batches, std::map<std::int64_t, Program>& programs,
             std::int64_t total_steps);

  /// Step `step` (from 0) of the run, batch `k` of epoch `epoch`, which the batches have been arranged for.
  /// Allocates nothing.
  StepResult run(std::int64_t step, std::int64_t epoch, std::int64_t k);

  /// The same, told of every op.
  StepResult run_observed(std::int64_t step, std::int64_t epoch, std::int64_t k,
                          const std::function<void(const Program::Observation&)>& observe);

  double learning_rate(std::int64_t step, std::int64_t epoch, const ScheduleDef& schedule) const;

 private:
  Program& prepare(std::int64_t step, std::int64_t epoch, std::int64_t k);

  const Problem& problem_;
  Batches& batches_;
  std::map<std::int64_t, Program>& programs_;
  std::int64_t total_steps_;
};

}  // namespace assay
