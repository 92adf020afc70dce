// What a sweep's folder knows of its trials, and so which of them will run, and why.
//   trials/ID.yaml    the trial's configuration
//   trials/ID.log     what it printed
//   trials/ID.failed  why it failed
//   ID/               the record of its run
//   git.json, git.patch, results.csv, results.json
// A trial's folder is named by its identity: what is in it was made by that configuration and no other.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "assay/experiment/stored_run.h"
#include "assay/sweep/trials.h"

namespace assay::sweep {

class SweepFolder {
 public:
  explicit SweepFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path run_of(const std::string& id) const { return path_ / id; }
  std::filesystem::path configuration_of(const std::string& id) const { return in_trials(id, ".yaml"); }
  std::filesystem::path log_of(const std::string& id) const { return in_trials(id, ".log"); }
  std::filesystem::path failure_of(const std::string& id) const { return in_trials(id, ".failed"); }

  /// Makes the folders. Throws Error where they cannot be made.
  void create() const;
  /// Whether there is a run of the trial that was interrupted and can be continued.
  bool can_resume(const std::string& id) const;
  /// Writes the trial's configuration and removes what an earlier attempt left.
  void prepare(const Trial& trial) const;
  void record_failure(const std::string& id, const std::string& why) const;

 private:
  std::filesystem::path in_trials(const std::string& id, const char* extension) const {
    return path_ / "trials" / (id + extension);
  }
  std::filesystem::path path_;
};

/// How a trial stands.
struct Standing {
  enum class State : std::uint8_t { done, failed, waiting };
  State state = State::waiting;
  std::string reason;  ///< "new", "changed: optimizer.learning_rate", "failed before: diverged", "done"
  bool stale = false;  ///< what its folder holds was made from other data
  StoredRun run;       ///< of a trial that is done
};

/// The identities of the data that trials read now: of trials with the same `data`, loaded once.
class DataIdentities {
 public:
  DataIdentities(const SweepFile& sweep, const Registry& registry) : sweep_(sweep), registry_(registry) {}
  /// Empty where the data cannot be loaded: nothing is known of them.
  const std::string& of(const Trial& trial);

 private:
  const SweepFile& sweep_;
  const Registry& registry_;
  std::map<std::string, std::string> known_;  // by the settings that decide the data
};

/// One standing per trial, in their order. A trial without a record is `changed` where the folder holds a
/// configuration that is no trial any more: the one with the fewest settings that differ, each named once.
/// One whose record was made from data that have changed since is `changed: data`.
std::vector<Standing> standings(const SweepFolder& folder, const std::vector<Trial>& trials,
                                DataIdentities& data);

/// How the trial stands by its own record alone.
Standing standing_of(const SweepFolder& folder, const std::string& id);

}  // namespace assay::sweep
