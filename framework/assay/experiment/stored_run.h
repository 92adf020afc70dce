// StoredRun: what a run's folder says about it, read back without the experiment being built. What writes it
// is run_record.h.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "assay/experiment/flat_config.h"
#include "assay/experiment/run.h"

namespace assay {

struct StoredRun {
  std::filesystem::path folder;
  std::string name;  ///< of the experiment; the folder's where its file cannot be read
  std::string
      status;  ///< "finished", "diverged", ...; "unfinished" without a summary of every seed, "unreadable"
  std::map<std::string, Statistic> metrics;  ///< final, over the seeds
  std::size_t seeds = 0;                     ///< that the summary tells of
  bool expectations_met = true;
  std::string diagnosis;   ///< of a diverged run
  FlatConfig environment;  ///< environment.json by dotted key
  FlatConfig git;          ///< git.json
  std::filesystem::file_time_type changed;

  bool finished() const { return status == "finished" || status == "stopped early"; }
};

/// A JSON text by dotted key. Throws Error where it is none.
FlatConfig flattened_json(const std::string& text);

/// Whether the folder holds a run: its experiment.yaml or its summary.json.
bool is_run_folder(const std::filesystem::path& folder);

/// Throws Error where `folder` holds no run. A file of the run that is missing or damaged shows in `status`.
StoredRun read_stored_run(const std::filesystem::path& folder);

/// The runs below `root`, newest first. A folder that holds a run is not searched for others.
std::vector<StoredRun> stored_runs(const std::filesystem::path& root);

}  // namespace assay
