// Experiment: an experiment file with types. Everything that the file says is checked against the registry
// before anything is built; what needs data or graphs to be checked is checked by prepare() (problem.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "assay/data/augment.h"
#include "assay/data/normalize.h"
#include "assay/data/split.h"
#include "assay/experiment/config_tree.h"
#include "assay/layers/model.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay {

struct BackendConfig {
  std::string type = "reference";
  int threads = 0;  ///< 0: one per processor
  Fallback fallback = Fallback::report;
  Fields fields;
  std::optional<SourceRange> where;
};

struct DataConfig {
  std::string type;
  Fields fields;  ///< paths in it are absolute
  SplitOptions split;
  std::optional<NormalizeOptions> normalize;
  std::vector<AugmentStep> augment;
  bool shuffle = true;
  std::optional<SourceRange> where;
};

struct ScheduleConfig {
  std::string type = "constant";
  Fields fields;
};

struct MetricConfig {
  std::string type;    ///< accuracy, top_k, confusion_matrix, mean_absolute_error
  std::int64_t k = 5;  ///< of top_k
};

struct EarlyStopping {
  std::string monitor;
  bool maximize = false;
  std::int64_t patience = 1;  ///< epochs without improvement before training stops
  double min_delta = 0;       ///< how much better counts as better
  bool restore_best = true;
};

struct CheckpointConfig {
  std::int64_t every = 1;
  bool per_epoch = true;  ///< else per step
  std::int64_t keep_last = 1;
  std::int64_t keep_best = 0;  ///< by early_stopping's metric, or the validation loss
};

/// `expect: {test/accuracy: {min: 0.9}}`
struct Expectation {
  std::string metric;
  std::optional<double> minimum, maximum;
  std::optional<SourceRange> where;
};

struct Experiment {
  std::string name;
  std::vector<std::uint64_t> seeds{0};
  BackendConfig backend;
  DType dtype = DType::f32;
  DataConfig data;
  ModelConfig model;
  std::optional<std::filesystem::path> weights;  ///< initial parameters
  ComponentConfig loss;
  ComponentConfig optimizer;
  ScheduleConfig schedule;
  std::int64_t epochs = 1;
  std::int64_t batch_size = 32;
  std::optional<std::int64_t> steps;  ///< stops training after that many
  std::vector<MetricConfig> metrics;
  std::optional<EarlyStopping> early_stopping;
  std::optional<CheckpointConfig> checkpoint;
  std::vector<Expectation> expectations;

  std::filesystem::path file;
  ConfigNode resolved;  ///< as read, with `extends`, overrides and absolute paths: can be run alone
};

/// What the command line changes.
struct ExperimentChanges {
  std::vector<std::string> overrides;  ///< "optimizer.learning_rate=0.01"
  std::optional<std::string> backend;
  std::optional<std::uint64_t> seed;
};

/// Reads a file, and loads the plugins that it names into the registry. Throws Error with everything that is
/// wrong in it (20 findings at most; plugins first, for the rest may follow from what they lack).
Experiment load_experiment(const std::filesystem::path& file, const ExperimentChanges& changes,
                           Registry& registry);

/// The same for a tree that has been read, whose plugins are loaded. `file` is for messages.
Experiment read_experiment(ConfigNode root, const std::filesystem::path& file, const Registry& registry);

}  // namespace assay
