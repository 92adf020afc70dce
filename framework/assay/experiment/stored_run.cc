#include "assay/experiment/stored_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "assay/data/file.h"
#include "assay/experiment/summary.h"
#include "assay/experiment/yaml_parser.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using StoredJson = nlohmann::ordered_json;

// Run folders lie at runs/NAME/TIME; -o may put them higher, a sweep of sweeps lower.
constexpr int kSearchDepth = 3;

std::string scalar_text(const StoredJson& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A row of the placement table under what it computes, so that two tables of other lengths still align.
std::string placement_key(const StoredJson& row) {
  return fmt::format("placement[{} {}{}]", row.value("layer", ""), row.value("op", ""),
                     row.value("backward", false) ? " backward" : "");
}

void flatten_json(const StoredJson& json, const std::string& key, FlatConfig& flat) {
  if (json.is_object() && !json.empty()) {
    for (const auto& [name, value] : json.items())
      flatten_json(value, key.empty() ? name : key + "." + name, flat);
  } else if (key == "placement" && json.is_array()) {
    std::map<std::string, std::map<std::string, int>> counts;
    for (const StoredJson& row : json) ++counts[placement_key(row)][row.value("implementation", "")];
    for (const auto& [place, implementations] : counts) {
      std::string& text = flat[place];
      for (const auto& [implementation, count] : implementations) {
        text += (text.empty() ? "" : ", ") + implementation;
        if (count > 1) text += fmt::format(" × {}", count);
      }
    }
  } else if (json.is_array()) {
    const bool scalars =
        std::ranges::all_of(json, [](const StoredJson& item) { return item.is_primitive(); });
    std::string text;
    for (std::size_t i = 0; i < json.size(); ++i) {
      if (scalars)
        text += (i == 0 ? "" : ", ") + scalar_text(json[i]);
      else
        flatten_json(json[i], fmt::format("{}[{}]", key, i), flat);
    }
    if (scalars) flat[key] = text;
  } else {
    flat[key] = scalar_text(json);
  }
}

// Empty where there is none.
FlatConfig read_flat_json(const fs::path& path) {
  if (!fs::exists(path)) return {};
  const std::vector<std::byte> bytes = file::read(path);
  return flattened_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void fill_from_summary(const fs::path& path, StoredRun& run) {
  const Summary summary = read_summary(path);
  run.status = summary.status;
  run.metrics = summary.metrics;
  run.expectations_met = summary.expectations_met;
  run.seeds = summary.seeds.size();
  for (const auto& [seed, training] : summary.seeds) {
    if (!training.diagnosis.empty()) run.diagnosis = training.diagnosis;
  }
}

void find_runs(const fs::path& folder, int depth, std::vector<StoredRun>& found) {
  if (is_run_folder(folder)) {
    found.push_back(read_stored_run(folder));
    return;
  }
  if (depth == 0) return;
  std::error_code ignored;  // a folder that may not be read holds no run that could be shown
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) find_runs(entry.path(), depth - 1, found);
  }
}

// Of what the run itself writes; it may vanish meanwhile.
fs::file_time_type last_change(const fs::path& folder) {
  std::error_code failure;
  fs::file_time_type latest = fs::file_time_type::min();
  for (const char* name : {"summary.json", "metrics.jsonl", "experiment.yaml"}) {
    const fs::file_time_type time = fs::last_write_time(folder / name, failure);
    if (!failure) latest = std::max(latest, time);
  }
  return latest;
}

}  // namespace

FlatConfig flattened_json(const std::string& text) {
  FlatConfig flat;
  try {
    flatten_json(StoredJson::parse(text), "", flat);
  } catch (const StoredJson::exception& failure) {
    throw Error(fmt::format("this is no JSON: {}", failure.what()));
  }
  return flat;
}

bool is_run_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "experiment.yaml", ignored) ||
         fs::is_regular_file(folder / "summary.json", ignored);
}

StoredRun read_stored_run(const fs::path& folder) {
  if (!is_run_folder(folder)) {
    throw Error(fmt::format("'{}' holds no run", folder.string()))
        .help(fs::is_directory(folder)
                  ? "a run's folder has a file experiment.yaml; assay list runs shows them"
                  : "there is no such folder; assay list runs shows them");
  }
  StoredRun run;
  run.folder = folder;
  run.name = folder.parent_path().filename().string();
  run.status = "unfinished";
  run.changed = last_change(folder);
  try {
    const ConfigNode experiment = load_yaml(folder / "experiment.yaml");
    if (const ConfigNode* name = experiment.find("name"); name != nullptr && name->is_scalar())
      run.name = name->text();
    run.environment = read_flat_json(folder / "environment.json");
    run.git = read_flat_json(folder / "git.json");
    if (fs::exists(folder / "summary.json")) fill_from_summary(folder / "summary.json", run);
    // The summary is written after every seed.
    const ConfigNode* seeds = experiment.find("seeds");
    if (run.finished() && seeds != nullptr && run.seeds < seeds->items().size()) run.status = "unfinished";
  } catch (const Error&) {
    run.status = "unreadable";
  }
  return run;
}

std::vector<StoredRun> stored_runs(const fs::path& root) {
  std::vector<StoredRun> runs;
  find_runs(root, kSearchDepth, runs);
  std::ranges::stable_sort(runs, std::greater(), &StoredRun::changed);
  return runs;
}

}  // namespace assay
