// Trainer: one seed of an experiment — epochs of training steps, evaluation, schedules, early stopping — over
// programs that share one state and one arena.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "assay/experiment/checkpoint.h"
#include "assay/experiment/metrics.h"
#include "assay/experiment/problem.h"
#include "assay/experiment/training_progress.h"

namespace assay {

/// One row of metrics.jsonl.
struct MetricRow {
  std::int64_t step = 0;   ///< updates done
  std::int64_t epoch = 0;  ///< epochs done
  std::uint64_t seed = 0;
  std::string name;  ///< "train/step_loss", "validation/accuracy", ...
  double value = 0;
};

class Trainer;

/// What a run tells while it goes on. Every call is made between steps, on the caller's thread.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// The configuration holds, and the first programs are compiled; nothing has been written yet.
  virtual void prepared(const Program& /*training step*/) {}
  virtual void begin_epoch(std::int64_t /*epoch*/, std::int64_t /*epochs*/, std::int64_t /*steps*/) {}
  virtual void step(std::int64_t /*step in epoch*/, double /*loss*/) {}
  virtual void end_epoch(std::int64_t /*epoch*/, const std::map<std::string, double>& /*metrics*/) {}
  virtual void row(const MetricRow&) {}
  virtual void message(const std::string&) {}
  /// After a step, and after an epoch with its evaluation: what the trainer knows may be saved.
  virtual void may_save(const Trainer&, bool /*end of epoch*/) {}
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

  /// Goes on from a checkpoint of the same problem: the steps that follow give the bits that they would have
  /// given without the interruption. Throws Error where the checkpoint is of another experiment, seed, data
  /// or model.
  void resume(const Checkpoint& checkpoint);

  /// Trains until the end, `stop` (seen between steps), or a value that is not finite.
  TrainingResult run(RunObserver& observer, const std::atomic<bool>& stop);

  /// What resume() needs, but for what belongs to the record: metrics_bytes and score. To be written before
  /// the next step.
  CheckpointView checkpoint() const;

  const TrainingProgress& progress() const;
  const StateStore& states() const;
  /// Of the full-batch training step.
  const Program& program() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace assay
