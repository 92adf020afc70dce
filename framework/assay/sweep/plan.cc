#include "assay/sweep/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "assay/data/file.h"
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/problem.h"
#include "assay/experiment/run_record.h"
#include "assay/experiment/yaml_parser.h"

namespace assay::sweep {
namespace {

namespace fs = std::filesystem;

// Settings that a reason names before it only counts the others.
constexpr std::size_t kNamedChanges = 3;

// The configurations in the folder that are no trial of the sweep any more.
std::vector<FlatConfig> former_trials(const SweepFolder& folder, const std::vector<Trial>& trials) {
  std::set<std::string> current;
  for (const Trial& trial : trials) current.insert(trial.id);
  std::error_code missing;
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path() / "trials", missing)) {
    if (entry.path().extension() == ".yaml" && !current.contains(entry.path().stem().string()))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<FlatConfig> former;
  for (const fs::path& file : files) {
    try {
      former.push_back(flattened(load_yaml(file)));
    } catch (const Error&) {  // a damaged one explains nothing
    }
  }
  return former;
}

std::string change_text(const std::vector<Difference>& changes) {
  std::string text = "changed: ";
  for (std::size_t i = 0; i < changes.size() && i < kNamedChanges; ++i)
    text += (i == 0 ? "" : ", ") + changes[i].key;
  if (changes.size() > kNamedChanges) text += fmt::format(" and {} more", changes.size() - kNamedChanges);
  return text;
}

std::string failure_text(const fs::path& file) {
  const std::vector<std::byte> bytes = file::read(file);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\n'));
}

// By the record alone; one that cannot be read says nothing of its data.
bool was_made_from_other_data(const SweepFolder& folder, const Trial& trial, DataIdentities& data) {
  if (!is_run_folder(folder.run_of(trial.id))) return false;
  const FlatConfig environment = read_stored_run(folder.run_of(trial.id)).environment;
  const auto recorded = environment.find("data.identity");
  if (recorded == environment.end()) return false;
  const std::string& now = data.of(trial);
  return !now.empty() && now != recorded->second;
}

}  // namespace

void SweepFolder::create() const {
  std::error_code failure;
  fs::create_directories(path_ / "trials", failure);
  if (failure)
    throw Error(fmt::format("the folder '{}' cannot be made: {}", path_.string(), failure.message()));
}

bool SweepFolder::can_resume(const std::string& id) const {
  return fs::exists(run_of(id) / "experiment.yaml") && !fs::exists(failure_of(id)) &&
         read_stored_run(run_of(id)).status != "diverged";
}

void SweepFolder::prepare(const Trial& trial) const {
  fs::remove_all(run_of(trial.id));
  fs::remove(failure_of(trial.id));
  write_text(configuration_of(trial.id), emit_yaml(trial.configuration));
}

void SweepFolder::record_failure(const std::string& id, const std::string& why) const {
  write_text(failure_of(id), why + "\n");
}

Standing standing_of(const SweepFolder& folder, const std::string& id) {
  Standing standing;
  if (fs::exists(folder.failure_of(id))) {
    standing.state = Standing::State::failed;
    standing.reason = "failed before: " + failure_text(folder.failure_of(id));
  } else if (is_run_folder(folder.run_of(id))) {
    standing.run = read_stored_run(folder.run_of(id));
    if (standing.run.finished()) {
      standing.state = Standing::State::done;
      standing.reason = "done";
    } else if (standing.run.status == "diverged") {
      standing.state = Standing::State::failed;
      standing.reason = "failed before: diverged";
    } else {
      standing.reason = "interrupted before";
    }
  } else {
    standing.reason = fs::exists(folder.configuration_of(id)) ? "interrupted before" : "new";
  }
  return standing;
}

const std::string& DataIdentities::of(const Trial& trial) {
  const Experiment experiment = read_experiment(trial.configuration, sweep_.experiment, registry_);
  std::string settings = std::to_string(experiment.seeds.front());
  for (const auto& [key, value] : trial.flat) {
    if (key.starts_with("data.")) settings += fmt::format("\n{}={}", key, value);
  }
  const auto [known, added] = known_.try_emplace(settings);
  if (added) {
    try {
      known->second = load_data(experiment, registry_, experiment.seeds.front()).identity();
    } catch (const Error&) {  // the trial says so when it runs
    }
  }
  return known->second;
}

std::vector<Standing> standings(const SweepFolder& folder, const std::vector<Trial>& trials,
                                DataIdentities& data) {
  std::vector<FlatConfig> former = former_trials(folder, trials);
  std::vector<Standing> all;
  for (const Trial& trial : trials) {
    all.push_back(standing_of(folder, trial.id));
    if (was_made_from_other_data(folder, trial, data)) {
      all.back() = {Standing::State::waiting, "changed: data", true, {}};
      continue;
    }
    if (all.back().reason != "new" || former.empty()) continue;
    std::vector<std::vector<Difference>> changes;
    for (const FlatConfig& config : former) changes.push_back(differences(config, trial.flat));
    const auto nearest = std::ranges::min_element(changes, {}, &std::vector<Difference>::size);
    all.back().reason = change_text(*nearest);
    former.erase(former.begin() + (nearest - changes.begin()));
  }
  return all;
}

}  // namespace assay::sweep
