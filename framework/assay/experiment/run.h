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

/// Trains every seed, in a new run folder: `chosen_folder`, or one under `root`. Throws Error for a
/// configuration that does not hold (before anything is written) and where the disk does not take the record.
/// An interrupted run leaves a checkpoint.
RunReport run_experiment(const Experiment& experiment, const Registry& registry,
                         const std::filesystem::path& root, const std::filesystem::path& chosen_folder,
                         RunObserver& observer, const std::atomic<bool>& stop);

/// Goes on with the run in `folder`, whose experiment this is: seeds that are done are taken from its
/// summary, the one under way from its newest checkpoint that is whole. Weights and metrics end as those of a
/// run that was never interrupted, byte for byte. Throws Error as run_experiment() does, and where another
/// process holds the folder.
RunReport resume_experiment(const Experiment& experiment, const Registry& registry,
                            const std::filesystem::path& folder, RunObserver& observer,
                            const std::atomic<bool>& stop);

}  // namespace assay
