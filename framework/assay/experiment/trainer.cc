#include "assay/experiment/trainer.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>

#include "assay/data/batches.h"
#include "assay/experiment/divergence.h"
#include "assay/experiment/step.h"

namespace assay {
namespace {

// A data set and the inference programs for its batch sizes.
class Evaluation {
 public:
  Evaluation(const Problem& problem, const Dataset& data, StateStore& states, Arena& arena)
      : problem_(problem),
        batches_(data, {.batch_size = std::min(problem.experiment().batch_size, data.rows()),
                        .seed = problem.seed()}),
        sample_(Spec{DType::i32, Shape{std::min(problem.experiment().batch_size, data.rows())}}) {
    for (const std::int64_t k : {std::int64_t{0}, batches_.count() - 1}) {
      const std::int64_t rows = batches_.batch_rows(k);
      if (programs_.contains(rows)) continue;
      const Graph graph = problem.model().inference_graph(rows, problem.experiment().dtype);
      programs_.emplace(
          rows, Program::compile(graph, problem.backends(), states, arena, problem.compile_options()));
    }
  }

  MetricAccumulator run() {
    MetricAccumulator metrics(problem_.metrics());
    for (std::int64_t k = 0; k < batches_.count(); ++k) {
      const std::int64_t rows = batches_.batch_rows(k);
      Program& program = programs_.at(rows);
      const TensorView target = program.input("target");
      batches_.fill(k, program.input("input"), target, {sample_.data(), Spec{DType::i32, Shape{rows}}});
      // Targets are kept aside: an input's place in the arena may be taken before the run ends.
      Tensor kept(target.spec);
      std::memcpy(kept.data(), target.data, target.spec.bytes());
      program.run();
      metrics.add(element(program.output("loss"), 0), program.output("prediction"), kept.view());
    }
    return metrics;
  }

 private:
  const Problem& problem_;
  Batches batches_;
  Tensor sample_;
  std::map<std::int64_t, Program> programs_;
};

// Remembers the best value of the monitored metric and the state that reached it.
class BestSoFar {
 public:
  explicit BestSoFar(const std::optional<EarlyStopping>& rule) : rule_(rule) {}

  // Returns whether training should stop.
  bool update(const std::map<std::string, double>& metrics, const StateStore& states) {
    if (!rule_) return false;
    const double value = metrics.at(rule_->monitor);
    const double gain = rule_->maximize ? value - best_ : best_ - value;
    if (!std::isnan(value) && (!seen_ || gain > rule_->min_delta)) {
      seen_ = true;
      best_ = value;
      waited_ = 0;
      if (rule_->restore_best) saved_.save(states);
      return false;
    }
    return ++waited_ >= rule_->patience;
  }

  void restore(StateStore& states) const {
    if (rule_ && rule_->restore_best && seen_) saved_.restore(states);
  }

 private:
  const std::optional<EarlyStopping>& rule_;
  bool seen_ = false;
  double best_ = 0;
  std::int64_t waited_ = 0;
  StateSnapshot saved_;
};

}  // namespace

struct Trainer::Parts {
  explicit Parts(const Problem& p)
      : problem(p),
        batches(p.data().train, {.batch_size = p.training_batch(),
                                 .seed = p.seed(),
                                 .shuffle = p.experiment().data.shuffle,
                                 .augmentation = Augmentation(p.experiment().data.augment)}) {
    problem.initialize(states);
    // The full batch first: it decides the layouts of the state.
    for (const std::int64_t k : {std::int64_t{0}, batches.count() - 1}) {
      const std::int64_t rows = batches.batch_rows(k);
      if (programs.contains(rows)) continue;
      const Graph graph = problem.model().training_graph(rows, problem.experiment().dtype);
      programs.emplace(rows,
                       Program::compile(graph, problem.backends(), states, arena, problem.compile_options()));
    }
    if (problem.data().validation) validation.emplace(problem, *problem.data().validation, states, arena);
    if (problem.data().test) test.emplace(problem, *problem.data().test, states, arena);
    if (problem.measures_training_data()) training.emplace(problem, problem.data().train, states, arena);
  }

  std::int64_t total_steps() const {
    const std::int64_t all = problem.experiment().epochs * batches.count();
    return problem.experiment().steps ? std::min(*problem.experiment().steps, all) : all;
  }

  const Problem& problem;
  StateStore states;
  Arena arena;
  Batches batches;
  std::map<std::int64_t, Program> programs;  // by rows
  std::optional<Evaluation> training, validation, test;
};

Trainer::Trainer(const Problem& problem) : parts_(std::make_unique<Parts>(problem)) {}
Trainer::~Trainer() = default;
const StateStore& Trainer::states() const { return parts_->states; }
const Program& Trainer::program() const { return parts_->programs.rbegin()->second; }

TrainingResult Trainer::run(RunObserver& observer, const std::atomic<bool>& stop) {
  Parts& parts = *parts_;
  const Problem& problem = parts.problem;
  const Experiment& experiment = problem.experiment();
  const ScheduleDef& schedule = problem.schedule();
  const std::int64_t per_epoch = parts.batches.count(), total = parts.total_steps();
  StepRunner runner(problem, parts.batches, parts.programs, total);
  DivergenceTracker tracker(parts.states);
  BestSoFar best(experiment.early_stopping);
  TrainingResult result;
  const auto row = [&](const std::string& name, double value) {
    observer.row({result.steps, result.epochs, problem.seed(), name, value});
  };
  const auto evaluate = [&](const std::string& part, Evaluation& evaluation) {
    const MetricAccumulator metrics = evaluation.run();
    for (const auto& [name, value] : metrics.values()) {
      if (part == "train" && name == "loss") continue;  // train/loss is the mean over the epoch's steps
      result.metrics[part + "/" + name] = value;
      row(part + "/" + name, value);
    }
    if (metrics.confusion().classes > 0) result.confusion[part] = metrics.confusion();
  };

  bool go_on = true;
  StepResult last;
  while (go_on && result.epochs < experiment.epochs && result.steps < total) {
    const std::int64_t steps = std::min(per_epoch, total - result.steps);
    observer.begin_epoch(result.epochs, experiment.epochs, steps);
    parts.batches.start_epoch(static_cast<std::uint32_t>(result.epochs));
    double loss_sum = 0;
    std::int64_t rows_seen = 0;
    for (std::int64_t k = 0; k < steps; ++k) {
      tracker.before_step(parts.states, result.steps, result.epochs, k);
      const StepResult step = runner.run(result.steps, result.epochs, k);
      if (!std::isfinite(step.loss) || !std::isfinite(step.gradient_norm)) {
        result.status = TrainingResult::Status::diverged;
        result.diagnosis = tracker.diagnose(parts.states, parts.batches, runner, result.steps, step);
        return result;
      }
      last = step;
      ++result.steps;
      loss_sum += step.loss * static_cast<double>(step.rows);
      rows_seen += step.rows;
      row("train/step_loss", step.loss);
      observer.step(k + 1, step.loss);
      observer.may_save(result.steps, result.epochs, false, parts.states, result.metrics);
      if (stop.load(std::memory_order_relaxed)) {
        result.status = TrainingResult::Status::interrupted;
        result.metrics["train/loss"] = loss_sum / static_cast<double>(rows_seen);
        return result;
      }
    }
    ++result.epochs;
    result.metrics["train/loss"] = loss_sum / static_cast<double>(rows_seen);
    row("train/loss", result.metrics["train/loss"]);
    row("train/learning_rate", runner.learning_rate(result.steps - 1, result.epochs - 1, schedule));
    if (parts.training) evaluate("train", *parts.training);
    if (parts.validation) evaluate("validation", *parts.validation);
    observer.end_epoch(result.epochs, result.metrics);
    if (best.update(result.metrics, parts.states)) {
      result.status = TrainingResult::Status::stopped_early;
      go_on = false;
    }
    observer.may_save(result.steps, result.epochs, true, parts.states, result.metrics);
  }
  best.restore(parts.states);
  // What the last update made has gone into no loss.
  if (result.steps > 0 && !all_finite(parts.states)) {
    result.status = TrainingResult::Status::diverged;
    result.diagnosis = tracker.diagnose(parts.states, parts.batches, runner, result.steps - 1, last);
    return result;
  }
  if (experiment.early_stopping && experiment.early_stopping->restore_best) {
    if (parts.training) evaluate("train", *parts.training);
    if (parts.validation) evaluate("validation", *parts.validation);
  }
  if (parts.test) evaluate("test", *parts.test);
  return result;
}

}  // namespace assay
