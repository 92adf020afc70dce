#include "assay/experiment/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <optional>
#include <span>
#include <utility>

#include "assay/data/file.h"
#include "assay/experiment/checkpoint_folder.h"
#include "assay/experiment/divergence.h"
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/folder_lock.h"
#include "assay/experiment/git_state.h"
#include "assay/experiment/run_record.h"
#include "assay/experiment/stored_run.h"
#include "assay/experiment/summary.h"
#include "assay/experiment/weights_hash.h"

namespace assay {
namespace {

// The folder of a run, held while it goes on; made by the first problem that holds.
class RunFolder {
 public:
  // Of a new run. What the record takes some milliseconds to find out, and needs no problem for, is found out
  // while that is prepared.
  RunFolder(const Experiment& experiment, const std::filesystem::path& root,
            const std::filesystem::path& chosen)
      : root_(root),
        chosen_(chosen),
        hashed_(std::async(std::launch::async, hash_program)),
        git_state_(std::async(std::launch::async, git_state, experiment.file.parent_path())) {}
  // Of one to be continued.
  explicit RunFolder(std::filesystem::path folder) : folder_(std::move(folder)), resumed_(true) {
    lock_.emplace(folder_, "run folder");
  }

  bool resumed() const { return resumed_; }
  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path file(const char* name) const { return folder_ / name; }

  void open(const Problem& problem, const Trainer& trainer, std::span<const PluginRecord> plugins,
            RunObserver& observer) {
    if (opened_) return;
    opened_ = true;
    observer.prepared(trainer.program());
    const std::string environment = environment_text(problem, trainer.program(), plugins);
    if (resumed_) {
      tell_what_changed(environment, observer);
      return;
    }
    folder_ = make_run_directory(problem.experiment(), root_, chosen_);
    lock_.emplace(folder_, "run folder");
    write_git_state(folder_, git_state_.get(), file::Durability::later);
    write_text(file("environment.json"), environment, file::Durability::later);
    // Last: it is what makes the folder that of a run, which has the rest then.
    write_text(file("experiment.yaml"), emit_yaml(problem.experiment().resolved), file::Durability::later);
  }

  // The first step does not wait for the disk: the record is on it before what is to be continued or read
  // with its help, a checkpoint or a result.
  void secure() {
    if (std::exchange(secured_, true)) return;
    const std::array record{file("git.patch"), file("git.json"), file("environment.json"),
                            file("experiment.yaml")};
    file::synchronize(record);
  }

 private:
  // The bits may be others from here on.
  void tell_what_changed(const std::string& environment, RunObserver& observer) const {
    constexpr std::size_t kNamed = 5;
    std::vector<std::string> keys;
    for (const Difference& difference :
         differences(read_stored_run(folder_).environment, flattened_json(environment)))
      keys.push_back(difference.key);
    if (keys.empty()) return;
    const std::size_t more = keys.size() - std::min(keys.size(), kNamed);
    keys.resize(keys.size() - more);
    observer.message(fmt::format("note: the run began in another environment (environment.json): {}{}",
                                 join(keys), more == 0 ? "" : fmt::format(" and {} more", more)));
  }

  std::filesystem::path root_, chosen_, folder_;
  bool resumed_ = false, opened_ = false, secured_ = false;
  std::optional<FolderLock> lock_;
  std::future<void> hashed_;
  std::future<GitState> git_state_;
};

// Writes what passes by, and passes it on.
class Recorder final : public RunObserver {
 public:
  // `place` is the folder, or that of one seed in it.
  Recorder(RunObserver& next, RunFolder& folder, const std::filesystem::path& place, const Problem& problem)
      : next_(next),
        folder_(folder),
        problem_(problem),
        metrics_(place / "metrics.jsonl"),
        checkpoints_(place / "checkpoints", problem.experiment()) {}

  void begin_epoch(std::int64_t epoch, std::int64_t epochs, std::int64_t steps) override {
    next_.begin_epoch(epoch, epochs, steps);
  }
  void step(std::int64_t step, double loss) override { next_.step(step, loss); }
  void end_epoch(std::int64_t epoch, const std::map<std::string, double>& metrics) override {
    metrics_.flush();
    next_.end_epoch(epoch, metrics);
  }
  void row(const MetricRow& row) override {
    metrics_.append(row);
    next_.row(row);
  }
  void message(const std::string& text) override { next_.message(text); }
  void may_save(const Trainer& trainer, bool end_of_epoch) override {
    const TrainingProgress& progress = trainer.progress();
    if (weights_hash_is_due(progress, end_of_epoch)) add_hashes(trainer);
    if (checkpoints_.is_due(progress, end_of_epoch)) save(trainer);
  }

  // The rows first: a checkpoint says how many there are. No checkpoint of a run that has diverged and does
  // not know it yet: it would take the place of one to go back to.
  void save(const Trainer& trainer) {
    if (!all_finite(trainer.states())) return;
    folder_.secure();
    CheckpointView checkpoint = trainer.checkpoint();
    checkpoint.metrics_bytes = metrics_.sync();
    checkpoints_.save(std::move(checkpoint));
  }
  void start(const Trainer& trainer) { add_hashes(trainer); }
  // From the newest checkpoint, or from the beginning.
  void resume(Trainer& trainer) {
    std::vector<std::string> findings;
    const std::optional<Checkpoint> checkpoint = checkpoints_.newest(findings);
    for (const std::string& finding : findings) next_.message(finding);
    if (checkpoint) trainer.resume(*checkpoint);
    metrics_.truncate(checkpoint ? checkpoint->metrics_bytes : 0);
    next_.message(checkpoint ? fmt::format("resumed after step {}, in epoch {}", trainer.progress().step,
                                           trainer.progress().epoch + 1)
                             : "no checkpoint: started from the beginning");
    if (!checkpoint) start(trainer);
  }
  void finish(bool interrupted) {
    metrics_.sync();
    if (!interrupted) checkpoints_.clear();
  }

 private:
  void add_hashes(const Trainer& trainer) {
    const TrainingProgress& progress = trainer.progress();
    for (const auto& [name, value] : weights_hashes(problem_.model(), trainer.states()))
      row({progress.step, progress.epoch, problem_.seed(), name, value});
  }

  RunObserver& next_;
  RunFolder& folder_;
  const Problem& problem_;
  MetricsFile metrics_;
  CheckpointFolder checkpoints_;
};

std::map<std::string, Statistic> statistics(
    const std::vector<std::pair<std::uint64_t, TrainingResult>>& seeds) {
  std::map<std::string, Statistic> result;
  for (const auto& [name, first] : seeds.front().second.metrics) {
    double sum = 0, squares = 0, count = 0;
    for (const auto& [seed, training] : seeds) {
      const auto found = training.metrics.find(name);
      if (found == training.metrics.end()) continue;
      sum += found->second;
      ++count;
    }
    const double mean = sum / count;
    for (const auto& [seed, training] : seeds) {
      const auto found = training.metrics.find(name);
      if (found != training.metrics.end()) squares += (found->second - mean) * (found->second - mean);
    }
    result[name] = {mean, count > 1 ? std::sqrt(squares / (count - 1)) : 0.0};
  }
  return result;
}

std::vector<Verdict> judge(const Experiment& experiment, const std::map<std::string, Statistic>& metrics) {
  std::vector<Verdict> verdicts;
  for (const Expectation& expectation : experiment.expectations) {
    const auto found = metrics.find(expectation.metric);
    Verdict verdict{expectation, found == metrics.end() ? std::nan("") : found->second.mean, false};
    verdict.met = std::isfinite(verdict.value) &&
                  (!expectation.minimum || verdict.value >= *expectation.minimum) &&
                  (!expectation.maximum || verdict.value <= *expectation.maximum);
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

RunReport train_seeds(const Experiment& experiment, const Registry& registry, RunFolder& folder,
                      RunObserver& observer, const std::atomic<bool>& stop) {
  RunReport report;
  if (folder.resumed() && std::filesystem::exists(folder.file("summary.json")))
    report.seeds = read_summary(folder.file("summary.json")).seeds;
  std::erase_if(report.seeds,
                [](const auto& seed) { return seed.second.status == TrainingResult::Status::interrupted; });
  for (const std::uint64_t seed : experiment.seeds) {
    const auto trained = std::ranges::find(report.seeds, seed, [](const auto& one) { return one.first; });
    if (trained != report.seeds.end()) {
      report.status = trained->second.status;
      if (report.status == TrainingResult::Status::diverged) break;
      continue;
    }
    const Problem problem(experiment, registry, seed);
    Trainer trainer(problem);
    folder.open(problem, trainer, registry.plugins,
                observer);  // the first problem has found every error of the configuration
    std::filesystem::path place = folder.path();
    if (experiment.seeds.size() > 1) {
      place /= fmt::format("seed-{}", seed);
      std::filesystem::create_directories(place);
      observer.message(fmt::format("seed {}", seed));
    }
    Recorder recorder(observer, folder, place, problem);
    if (folder.resumed())
      recorder.resume(trainer);
    else
      recorder.start(trainer);
    TrainingResult result = trainer.run(recorder, stop);
    report.status = result.status;
    const bool interrupted = result.status == TrainingResult::Status::interrupted;
    const bool diverged = result.status == TrainingResult::Status::diverged;
    if (interrupted) recorder.save(trainer);
    folder.secure();
    // What a diverged run leaves is the replay's state, not a result.
    if (!diverged) write_weights(place / "weights.safetensors", problem.model(), trainer.states());
    recorder.finish(interrupted);
    report.seeds.emplace_back(seed, std::move(result));
    report.metrics = statistics(report.seeds);
    report.verdicts = judge(experiment, report.metrics);
    // After every seed, so that a run which is killed has it when it is continued.
    write_text(folder.file("summary.json"), summary_text(report));
    if (interrupted || diverged) break;
  }
  report.folder = folder.path();
  report.metrics = statistics(report.seeds);
  report.verdicts = judge(experiment, report.metrics);
  return report;
}

}  // namespace

RunReport run_experiment(const Experiment& experiment, const Registry& registry,
                         const std::filesystem::path& root, const std::filesystem::path& chosen_folder,
                         RunObserver& observer, const std::atomic<bool>& stop) {
  RunFolder folder(experiment, root, chosen_folder);
  return train_seeds(experiment, registry, folder, observer, stop);
}

RunReport resume_experiment(const Experiment& experiment, const Registry& registry,
                            const std::filesystem::path& folder, RunObserver& observer,
                            const std::atomic<bool>& stop) {
  RunFolder held(folder);
  return train_seeds(experiment, registry, held, observer, stop);
}

}  // namespace assay
