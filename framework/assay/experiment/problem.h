// Problem: an experiment with its data loaded, its model built and its backends made; everything that can be
// wrong with a configuration has been found when it exists.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assay/data/dataset.h"
#include "assay/experiment/experiment.h"
#include "assay/layers/model.h"
#include "assay/program/program.h"

namespace assay {

class Problem {
 public:
  /// Loads, builds and checks. The experiment and the registry outlive the problem. Throws Error with the
  /// findings: files, shapes, labels, backends, names of metrics.
  Problem(const Experiment& experiment, const Registry& registry, std::uint64_t seed);

  const Experiment& experiment() const { return experiment_; }
  const SplitDataset& data() const { return data_; }
  const Model& model() const { return model_; }
  const ScheduleDef& schedule() const { return schedule_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return threads_; }
  /// That share the filling of batches: those of the backend, which wait for it; 1 where it has none, or
  /// where it is a plugin's, whose threads may be others than OpenMP's.
  int data_threads() const { return data_threads_; }
  /// In order of preference; the reference is last.
  std::span<const Backend* const> backends() const { return preference_; }
  /// What is measured on validation and test data: the experiment's metrics, or what suits the loss.
  const std::vector<MetricConfig>& metrics() const { return metrics_; }
  /// Where there are neither validation nor test data, the training data are measured, in inference mode.
  bool measures_training_data() const { return !data_.validation && !data_.test; }
  /// "train/loss", "validation/accuracy", ...
  std::vector<std::string> metric_names() const;

  /// The largest batch that training uses: the batch size, or all rows where there are fewer.
  std::int64_t training_batch() const;

  /// Sets every state of the model in the store: from the weights file where there is one, else by its
  /// initialiser.
  void initialize(StateStore& states) const;

  CompileOptions compile_options() const;

 private:
  void convert_indices();
  void check_data() const;
  void check_names() const;

  const Experiment& experiment_;
  std::uint64_t seed_;
  SplitDataset data_;
  Model model_;
  const ScheduleDef& schedule_;
  int threads_ = 1, data_threads_ = 1;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<const Backend*> preference_;
  std::vector<MetricConfig> metrics_;
};

/// The data that an experiment trains on with that seed: loaded, split, normalised. Throws Error as the
/// problem does.
SplitDataset load_data(const Experiment& experiment, const Registry& registry, std::uint64_t seed);

/// The metric's name in results: "accuracy", "top_5_accuracy", ...
std::string metric_name(const MetricConfig& metric);

}  // namespace assay
