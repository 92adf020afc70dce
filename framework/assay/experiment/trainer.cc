#include "assay/experiment/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <sstream>

#include "assay/data/batches.h"
#include "assay/experiment/divergence.h"
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/step.h"

namespace assay {
namespace {

// A data set and the inference programs for its batch sizes.
class Evaluation {
 public:
  Evaluation(const Problem& problem, const Dataset& data, StateStore& states, Arena& arena)
      : problem_(problem),
        batches_(data, {.batch_size = std::min(problem.experiment().batch_size, data.rows()),
                        .seed = problem.seed(),
                        .threads = problem.data_threads()}),
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

// Early stopping: the best value of the monitored metric stands in the progress, the state that reached it
// here.
class BestSoFar {
 public:
  explicit BestSoFar(const std::optional<EarlyStopping>& rule) : rule_(rule) {}

  // Whether training should stop.
  bool update(TrainingProgress& progress, const Model& model, const StateStore& states) {
    if (!rule_) return false;
    const double value = progress.metrics.at(rule_->monitor);
    const double gain = rule_->maximize ? value - progress.best_value : progress.best_value - value;
    if (!std::isnan(value) && (!progress.best_seen || gain > rule_->min_delta)) {
      progress.best_seen = true;
      progress.best_value = value;
      progress.epochs_waited = 0;
      if (rule_->restore_best) saved_ = canonical(model, states);
      return false;
    }
    return ++progress.epochs_waited >= rule_->patience;
  }

  void restore(StateStore& states) const { write(states, saved_); }

  // Every state of the model, in its canonical layout.
  static std::vector<NamedTensor> canonical(const Model& model, const StateStore& states) {
    std::vector<NamedTensor> copies;
    for (const StateInfo& info : model.states()) copies.push_back({info.name, states.read(info.name)});
    return copies;
  }
  static void write(StateStore& states, const std::vector<NamedTensor>& values) {
    for (const NamedTensor& value : values) states.write(value.name, value.tensor.view());
  }

  std::vector<NamedTensor>& saved() { return saved_; }

 private:
  const std::optional<EarlyStopping>& rule_;
  std::vector<NamedTensor> saved_;
};

// The lines of one text that the other has not, at most a few: what a reader looks at first.
std::string lines_apart(const std::string& before, const std::string& now) {
  const auto lines_of = [](const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  };
  const std::vector<std::string> old_lines = lines_of(before), new_lines = lines_of(now);
  std::string apart;
  int shown = 0;
  const auto show = [&](char sign, const std::vector<std::string>& lines,
                        const std::vector<std::string>& others) {
    for (const std::string& line : lines) {
      if (std::ranges::find(others, line) == others.end() && ++shown <= 10)
        apart += fmt::format("\n  {} {}", sign, line);
    }
  };
  show('-', old_lines, new_lines);
  show('+', new_lines, old_lines);
  return apart;
}

void require_model(const Model& model, const std::vector<NamedTensor>& states, const char* what) {
  std::map<std::string, Shape> given;
  for (const NamedTensor& state : states) given.emplace(state.name, state.tensor.shape());
  for (const StateInfo& info : model.states()) {
    const auto found = given.find(info.name);
    if (found == given.end()) throw Error(fmt::format("the checkpoint lacks {} '{}'", what, info.name));
    if (found->second != info.shape) {
      throw Error(fmt::format("the checkpoint's {} '{}' has shape {}, but {} in the model", what, info.name,
                              found->second.to_string(), info.shape.to_string()));
    }
    given.erase(found);
  }
  if (!given.empty())
    throw Error(
        fmt::format("the checkpoint has {} '{}', which the model has not", what, given.begin()->first));
}

}  // namespace

struct Trainer::Parts {
  explicit Parts(const Problem& p)
      : problem(p),
        batches(p.data().train, {.batch_size = p.training_batch(),
                                 .seed = p.seed(),
                                 .shuffle = p.experiment().data.shuffle,
                                 .augmentation = Augmentation(p.experiment().data.augment),
                                 .threads = p.data_threads()}),
        best(p.experiment().early_stopping) {
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
  TrainingProgress progress;
  BestSoFar best;
};

Trainer::Trainer(const Problem& problem) : parts_(std::make_unique<Parts>(problem)) {}
Trainer::~Trainer() = default;
const StateStore& Trainer::states() const { return parts_->states; }
const Program& Trainer::program() const { return parts_->programs.rbegin()->second; }

const TrainingProgress& Trainer::progress() const { return parts_->progress; }

CheckpointView Trainer::checkpoint() const {
  CheckpointView checkpoint;
  const Problem& problem = parts_->problem;
  checkpoint.seed = problem.seed();
  checkpoint.experiment = emit_yaml(problem.experiment().resolved);
  checkpoint.data = problem.data().identity();
  checkpoint.progress = parts_->progress;
  for (const StateInfo& info : problem.model().states()) {
    const StateStore::Entry* entry = parts_->states.find(info.name);
    TensorView view = entry->buffer.view();
    if (!entry->layout.canonical())
      view = checkpoint.copies.emplace_back(parts_->states.read(info.name)).view();
    checkpoint.states.push_back({info.name, view});
  }
  for (const NamedTensor& state : parts_->best.saved())
    checkpoint.best.push_back({state.name, state.tensor.view()});
  return checkpoint;
}

void Trainer::resume(const Checkpoint& checkpoint) {
  const Problem& problem = parts_->problem;
  const std::string experiment = emit_yaml(problem.experiment().resolved), data = problem.data().identity();
  if (checkpoint.experiment != experiment) {
    throw Error("the checkpoint is of another experiment (-: the checkpoint's, +: this one's):" +
                lines_apart(checkpoint.experiment, experiment))
        .help("to train on from its weights with other settings, name it as model.weights in a new run");
  }
  if (checkpoint.seed != problem.seed())
    throw Error(fmt::format("the checkpoint is of seed {}, not {}", checkpoint.seed, problem.seed()));
  if (checkpoint.data != data) {
    throw Error(fmt::format("the data changed since the checkpoint was written: their hash was {}, and is {}",
                            checkpoint.data, data))
        .help("put the data back, or start a new run");
  }
  require_model(problem.model(), checkpoint.states, "state");
  if (!checkpoint.best.empty()) require_model(problem.model(), checkpoint.best, "best state");
  BestSoFar::write(parts_->states, checkpoint.states);
  parts_->best.saved().clear();
  for (const NamedTensor& state : checkpoint.best)
    parts_->best.saved().push_back({state.name, state.tensor.clone()});
  parts_->progress = checkpoint.progress;
}

TrainingResult Trainer::run(RunObserver& observer, const std::atomic<bool>& stop) {
  Parts& parts = *parts_;
  TrainingProgress& progress = parts.progress;
  const Problem& problem = parts.problem;
  const Experiment& experiment = problem.experiment();
  const std::int64_t per_epoch = parts.batches.count(), total = parts.total_steps();
  StepRunner runner(problem, parts.batches, parts.programs, total);
  DivergenceTracker tracker(parts.states, progress.step, progress.epoch, progress.batch);
  const auto row = [&](const std::string& name, double value) {
    observer.row({progress.step, progress.epoch, problem.seed(), name, value});
  };
  const auto evaluate = [&](const std::string& part, Evaluation& evaluation) {
    const MetricAccumulator metrics = evaluation.run();
    for (const auto& [name, value] : metrics.values()) {
      if (part == "train" && name == "loss") continue;  // train/loss is the mean over the epoch's steps
      progress.metrics[part + "/" + name] = value;
      row(part + "/" + name, value);
    }
    if (metrics.confusion().classes > 0) progress.confusion[part] = metrics.confusion();
  };
  const auto result = [&](TrainingResult::Status status, std::string diagnosis = "") {
    TrainingResult made{status,           progress.step,      progress.epoch,
                        progress.metrics, progress.confusion, std::move(diagnosis)};
    if (status == TrainingResult::Status::interrupted && progress.rows_seen > 0)
      made.metrics["train/loss"] = progress.loss_sum / static_cast<double>(progress.rows_seen);
    return made;
  };
  const auto diverged = [&](std::int64_t step, const StepResult& seen) {
    return result(TrainingResult::Status::diverged,
                  tracker.diagnose(parts.states, parts.batches, runner, step, seen));
  };

  StepResult last;
  // An epoch that was left between its last step and its evaluation still has that to come.
  while (!progress.stopped_early && progress.epoch < experiment.epochs &&
         (progress.step < total || progress.batch > 0)) {
    const std::int64_t steps = std::min(per_epoch, total - progress.step + progress.batch);
    observer.begin_epoch(progress.epoch, experiment.epochs, steps);
    parts.batches.start_epoch(static_cast<std::uint32_t>(progress.epoch));
    while (progress.batch < steps) {
      if (stop.load(std::memory_order_relaxed)) return result(TrainingResult::Status::interrupted);
      if (!tracker.before_step(parts.states, progress.step, progress.epoch, progress.batch))
        return diverged(progress.step - 1, last);
      const StepResult step = runner.run(progress.step, progress.epoch, progress.batch);
      if (!std::isfinite(step.loss) || !std::isfinite(step.gradient_norm.value_or(0)))
        return diverged(progress.step, step);
      last = step;
      ++progress.step;
      ++progress.batch;
      progress.loss_sum += step.loss * static_cast<double>(step.rows);
      progress.rows_seen += step.rows;
      row("train/step_loss", step.loss);
      observer.step(progress.batch, step.loss);
      observer.may_save(*this, false);
    }
    if (stop.load(std::memory_order_relaxed)) return result(TrainingResult::Status::interrupted);
    ++progress.epoch;
    progress.batch = 0;
    progress.metrics["train/loss"] = progress.loss_sum / static_cast<double>(progress.rows_seen);
    progress.loss_sum = 0;
    progress.rows_seen = 0;
    row("train/loss", progress.metrics["train/loss"]);
    row("train/learning_rate",
        runner.learning_rate(progress.step - 1, progress.epoch - 1, problem.schedule()));
    if (parts.training) evaluate("train", *parts.training);
    if (parts.validation) evaluate("validation", *parts.validation);
    observer.end_epoch(progress.epoch, progress.metrics);
    progress.stopped_early = parts.best.update(progress, problem.model(), parts.states);
    observer.may_save(*this, true);
  }
  const bool restores =
      experiment.early_stopping && experiment.early_stopping->restore_best && progress.best_seen;
  if (restores) parts.best.restore(parts.states);
  // What the last update made has gone into no loss.
  if (progress.step > 0 && !all_finite(parts.states)) return diverged(progress.step - 1, last);
  if (restores) {
    if (parts.training) evaluate("train", *parts.training);
    if (parts.validation) evaluate("validation", *parts.validation);
  }
  if (parts.test) evaluate("test", *parts.test);
  return result(progress.stopped_early ? TrainingResult::Status::stopped_early
                                       : TrainingResult::Status::finished);
}

}  // namespace assay
