// A run: every seed of an experiment trained and recorded, means and deviations over the seeds, and the
// expectations judged.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "assay/experiment/trainer.h"

namespace assay {

struct Statistic {
  double mean = 0;
  double deviation = 0;  ///< of the sample (n − 1); 0 for one seed
};

struct Verdict {
  Expectation expectation;
  double value = 0;
  bool met = false;  ///< never by NaN
};

struct RunReport {
  TrainingResult::Status status = TrainingResult::Status::finished;  ///< of the seed that ended the run
  std::filesystem::path folder;
  std::vector<std::pair<std::uint64_t, TrainingResult>> seeds;
  std::map<std::string, Statistic> metrics;
  std::vector<Verdict> verdicts;
};

/// Trains every seed. `folder` is the run's, made by make_run_directory(). Throws Error for a configuration
/// that does not hold (before anything is written) and where the disk does not take the record.
RunReport run_experiment(const Experiment& experiment, const Registry& registry,
                         const std::filesystem::path& root, const std::filesystem::path& chosen_folder,
                         RunObserver& observer, const std::atomic<bool>& stop);

}  // namespace assay
