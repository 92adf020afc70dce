// assay diff: what differs between two runs, or two experiment files: configuration, environment, metrics;
// and the states of the repositories around them, which are shown, but make no difference of results.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/core/utf8.h"
#include "assay/experiment/stored_run.h"
#include "assay/experiment/yaml_parser.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

// One of the two: a run's folder, or an experiment file, which has a configuration alone.
struct DiffSide {
  bool run = false;
  FlatConfig configuration, environment, git, metrics;
};

// A run is read from its record alone, which is resolved: nothing that it was made with need be there any
// more, and the two sides may have been made with two versions of one plugin. A file is resolved by a
// registry of its own.
DiffSide read_side(const std::string& path, const Arguments& arguments) {
  DiffSide side;
  side.run = std::filesystem::is_directory(path);
  if (!side.run) {
    Session session(arguments);
    side.configuration = flattened(load_experiment(path, {}, session.registry()).resolved);
    return side;
  }
  const StoredRun run = read_stored_run(path);
  side.configuration = flattened(load_yaml(std::filesystem::path(path) / "experiment.yaml"));
  side.environment = run.environment;
  side.git = run.git;
  side.metrics["status"] = run.status;
  for (const auto& [name, statistic] : run.metrics) {
    side.metrics[name] = run.seeds > 1 ? fmt::format("{} ± {}", statistic.mean, statistic.deviation)
                                       : fmt::format("{}", statistic.mean);
  }
  return side;
}

constexpr std::size_t kCellWidth = 60;

std::string cell(const std::optional<std::string>& value) {
  return value ? shortened(*value, kCellWidth) : "—";
}

int diff(const Arguments& arguments) {
  const std::string &left = arguments.positionals()[0], &right = arguments.positionals()[1];
  const DiffSide a = read_side(left, arguments), b = read_side(right, arguments);
  std::vector<std::pair<std::string, std::vector<Difference>>> parts{
      {"configuration", differences(a.configuration, b.configuration)}};
  if (a.run && b.run) {
    parts.emplace_back("environment", differences(a.environment, b.environment));
    parts.emplace_back("metrics", differences(a.metrics, b.metrics));
  }
  bool same = true;
  for (const auto& [name, found] : parts) same = same && found.empty();
  if (a.run && b.run) parts.emplace_back("git", differences(a.git, b.git));

  if (arguments.text("format", "text") == "json") {
    nlohmann::ordered_json json;
    for (const auto& [name, found] : parts) {
      json[name] = nlohmann::ordered_json::array();
      for (const Difference& difference : found) {
        nlohmann::ordered_json one{{"key", difference.key}, {"a", nullptr}, {"b", nullptr}};
        if (difference.left) one["a"] = *difference.left;
        if (difference.right) one["b"] = *difference.right;
        json[name].push_back(std::move(one));
      }
    }
    fmt::print("{}\n", json.dump(2));
    return same ? kOk : kCheckFailed;
  }
  for (const auto& [name, found] : parts) {
    if (found.empty()) continue;
    Table table({name, shortened(left, kCellWidth), shortened(right, kCellWidth)});
    for (const Difference& difference : found)
      table.add({"  " + difference.key, cell(difference.left), cell(difference.right)});
    fmt::print("{}", table.render());
  }
  if (same) fmt::print(stderr, "{} and {} do not differ\n", left, right);
  next_step("assay list runs");
  return same ? kOk : kCheckFailed;
}

}  // namespace

Command diff_command() {
  return {"diff",
          "what differs between two runs, or two experiment files",
          {{"assay diff runs/mlp/A runs/mlp/B", "configuration, environment and final metrics of two runs"},
           {"assay diff base.yaml changed.yaml", "the resolved configurations of two files"}},
          {{"A", "a run's folder or an experiment file"},
           {"B", "the other; exit code 1 where they differ in more than the state of a git repository"}},
          {{"plugin", 0, "PATH", "load a plugin before an experiment file is read", {}, true},
           {"format", 0, "FORMAT", "how to print", {"text", "json"}}},
          diff};
}

}  // namespace assay::cli
