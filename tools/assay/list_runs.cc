#include "assay/list_runs.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "assay/experiment/stored_run.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

std::int64_t age_in_seconds(const StoredRun& run) {
  const auto age = std::filesystem::file_time_type::clock::now() - run.changed;
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
}

std::string age_text(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / (24 * 3600));
}

// Those of the part of the data that says most: test, else validation, else training.
std::string leading_metrics(const StoredRun& run) {
  for (const std::string part : {"test/", "validation/", "train/"}) {
    std::string text;
    for (const auto& [name, statistic] : run.metrics) {
      if (!name.starts_with(part)) continue;
      text += fmt::format("{}{} {:.4g}", text.empty() ? "" : "  ", name, statistic.mean);
      if (run.seeds > 1) text += fmt::format(" ± {:.2g}", statistic.deviation);
    }
    if (!text.empty()) return text;
  }
  return "";
}

nlohmann::ordered_json json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

void print_runs_as_json(const std::vector<StoredRun>& runs) {
  using nlohmann::ordered_json;
  ordered_json all = ordered_json::array();
  for (const StoredRun& run : runs) {
    ordered_json one{{"folder", run.folder.string()},
                     {"name", run.name},
                     {"status", run.status},
                     {"expectations_met", run.expectations_met},
                     {"age_seconds", age_in_seconds(run)},
                     {"seeds", run.seeds},
                     {"metrics", ordered_json::object()}};
    for (const auto& [name, statistic] : run.metrics) {
      one["metrics"][name] = {{"mean", json_number(statistic.mean)},
                              {"deviation", json_number(statistic.deviation)}};
    }
    all.push_back(std::move(one));
  }
  fmt::print("{}\n", all.dump(2));
}

}  // namespace

int list_runs(const Arguments& arguments) {
  const std::filesystem::path root = arguments.text("run-dir", "runs");
  if (arguments.has("run-dir") && !std::filesystem::is_directory(root))
    throw Error(fmt::format("there is no folder '{}'", root.string()));
  std::vector<StoredRun> runs = stored_runs(root);
  if (arguments.positionals().size() > 1) {
    const std::string& wanted = arguments.positionals()[1];
    std::vector<std::string> known;
    for (const StoredRun& run : runs) {
      if (std::ranges::find(known, run.name) == known.end()) known.push_back(run.name);
    }
    std::erase_if(runs, [&](const StoredRun& run) { return run.name != wanted; });
    if (runs.empty()) {
      NothingSelected error(
          fmt::format("no run under '{}' is one of an experiment '{}'", root.string(), wanted));
      if (!known.empty()) error.help(suggestion("name", wanted, known));
      throw error;
    }
  }
  if (arguments.text("format", "text") == "json") {
    print_runs_as_json(runs);
    return kOk;
  }
  if (runs.empty()) {
    fmt::print(stderr, "no runs under '{}'\n", root.string());
    next_step("assay run FILE");
    return kOk;
  }
  Table table({"name", "status", "age", "final metrics", "folder"});
  for (const StoredRun& run : runs) {
    table.add({run.name, run.expectations_met ? run.status : run.status + ", expectation not met",
               age_text(age_in_seconds(run)), leading_metrics(run), run.folder.string()});
  }
  fmt::print("{}", table.render());
  next_step(runs.size() > 1
                ? fmt::format("assay diff {} {}", runs[1].folder.string(), runs[0].folder.string())
                : fmt::format("assay run {}/experiment.yaml", runs[0].folder.string()));
  return kOk;
}

}  // namespace assay::cli
