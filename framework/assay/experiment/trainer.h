// Trainer: one seed of an experiment — epochs of training steps, evaluation, schedules, early stopping — over
// programs that share one state and one arena.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "assay/experiment/metrics.h"
#include "assay/experiment/problem.h"

namespace assay {

/// One row of metrics.jsonl.
struct MetricRow {
  std::int64_t step = 0;   ///< updates done
  std::int64_t epoch = 0;  ///< epochs done
  std::uint64_t seed = 0;
  std::string name;  ///< "train/step_loss", "validation/accuracy", ...
  double value = 0;
};

/// What a run tells while it goes on. Every call is made between steps, on the caller's thread.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void begin_epoch(std::int64_t /*epoch*/, std::int64_t /*epochs*/, std::int64_t /*steps*/) {}
  virtual void step(std::int64_t /*step in epoch*/, double /*loss*/) {}
  virtual void end_epoch(std::int64_t /*epoch*/, const std::map<std::string, double>& /*metrics*/) {}
  virtual void row(const MetricRow&) {}
  virtual void message(const std::string&) {}
  /// After an epoch or, where steps are asked for, a step: the trainer's state may be saved.
  virtual void may_save(std::int64_t /*step*/, std::int64_t /*epoch*/, bool /*end of epoch*/,
                        const StateStore&, const std::map<std::string, double>& /*metrics so far*/) {}
};

struct TrainingResult {
  enum class Status : std::uint8_t { finished, stopped_early, diverged, interrupted };
  Status status = Status::finished;
  std::int64_t steps = 0;
  std::int64_t epochs = 0;
  std::map<std::string, double> metrics;             ///< final, by name: "train/loss", "test/accuracy"
  std::map<std::string, ConfusionMatrix> confusion;  ///< by part: "test"
  std::string diagnosis;  ///< of a diverged run: where the first non-finite value arose
};

class Trainer {
 public:
  /// Compiles the programs. The problem outlives the trainer. Throws Error as Program::compile does.
  explicit Trainer(const Problem& problem);
  ~Trainer();

  /// Trains until the end, `stop`, or a value that is not finite.
  TrainingResult run(RunObserver& observer, const std::atomic<bool>& stop);

  const StateStore& states() const;
  /// Of the full-batch training step.
  const Program& program() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace assay
