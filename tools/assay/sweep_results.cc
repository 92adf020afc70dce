#include "assay/sweep_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "assay/terminal.h"

namespace assay::cli {
namespace {

using sweep::Setting;
using sweep::Standing;
using sweep::SweepFile;
using sweep::Trial;

// Every key that varies, in the order in which the trials name them.
std::vector<std::string> varying_keys(const std::vector<Trial>& trials) {
  std::vector<std::string> keys;
  for (const Trial& trial : trials) {
    for (const Setting& setting : trial.assignment) {
      if (std::ranges::find(keys, setting.key.text()) == keys.end()) keys.push_back(setting.key.text());
    }
  }
  return keys;
}

std::string value_of(const Trial& trial, const std::string& key) {
  for (const Setting& setting : trial.assignment) {
    if (setting.key.text() == key) return sweep::text_of(setting.value);
  }
  return "";
}

std::set<std::string> measured_names(const std::vector<Standing>& standings) {
  std::set<std::string> names;
  for (const Standing& standing : standings) {
    if (standing.state != Standing::State::done) continue;
    for (const auto& [name, statistic] : standing.run.metrics) names.insert(name);
  }
  return names;
}

double objective_of(const SweepFile& file, const Standing& standing) {
  if (standing.state != Standing::State::done) return std::nan("");
  const auto found = standing.run.metrics.find(file.objective.metric.text());
  return found == standing.run.metrics.end() ? std::nan("") : found->second.mean;
}

std::string state_name(const Standing& standing) {
  return standing.state == Standing::State::done     ? "done"
         : standing.state == Standing::State::failed ? "failed"
                                                     : "not run";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

nlohmann::ordered_json finite_or_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

}  // namespace

std::vector<std::size_t> best_first(const SweepFile& file, const std::vector<Standing>& standings) {
  std::vector<std::size_t> order(standings.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const double x = objective_of(file, standings[a]), y = objective_of(file, standings[b]);
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return file.objective.maximize ? x > y : x < y;
  });
  return order;
}

std::string results_as_text(const SweepFile& file, const std::vector<Trial>& trials,
                            const std::vector<Standing>& standings) {
  std::vector<std::string> header{"trial", file.objective.metric.text()};
  const std::vector<std::string> keys = varying_keys(trials);
  header.insert(header.end(), keys.begin(), keys.end());
  Table table(header);
  for (const std::size_t i : best_first(file, standings)) {
    const Standing& standing = standings[i];
    const double mean = objective_of(file, standing);
    std::string result = std::isnan(mean) ? state_name(standing) : fmt::format("{:.6g}", mean);
    if (!std::isnan(mean) && standing.run.seeds > 1)
      result += fmt::format(" ± {:.2g}", standing.run.metrics.at(file.objective.metric.text()).deviation);
    std::vector<std::string> row{trials[i].id, result};
    for (const std::string& key : keys) row.push_back(value_of(trials[i], key));
    table.add(std::move(row));
  }
  return table.render();
}

std::string results_as_csv(const SweepFile& file, const std::vector<Trial>& trials,
                           const std::vector<Standing>& standings) {
  const std::vector<std::string> keys = varying_keys(trials);
  const std::set<std::string> names = measured_names(standings);
  std::string text = "trial,status";
  for (const std::string& key : keys) text += "," + csv_cell(key);
  for (const std::string& name : names) text += fmt::format(",{0},{0} sd", csv_cell(name));
  text += ",seeds,folder\n";
  for (const std::size_t i : best_first(file, standings)) {
    const Standing& standing = standings[i];
    const bool done = standing.state == Standing::State::done;
    text += trials[i].id + "," + state_name(standing);
    for (const std::string& key : keys) text += "," + csv_cell(value_of(trials[i], key));
    for (const std::string& name : names) {
      const auto found = standing.run.metrics.find(name);
      text += done && found != standing.run.metrics.end()
                  ? fmt::format(",{},{}", found->second.mean, found->second.deviation)
                  : std::string(",,");
    }
    text += done ? fmt::format(",{},{}\n", standing.run.seeds, csv_cell(standing.run.folder.string()))
                 : std::string(",,\n");
  }
  return text;
}

std::string results_as_json(const SweepFile& file, const std::vector<Trial>& trials,
                            const std::vector<Standing>& standings) {
  using nlohmann::ordered_json;
  ordered_json json{
      {"name", file.name},
      {"objective",
       {{"metric", file.objective.metric.text()}, {"mode", file.objective.maximize ? "max" : "min"}}},
      {"trials", ordered_json::array()}};
  for (const std::size_t i : best_first(file, standings)) {
    const Standing& standing = standings[i];
    ordered_json one{{"trial", trials[i].id}, {"status", state_name(standing)}};
    if (standing.state != Standing::State::done) one["reason"] = standing.reason;
    one["parameters"] = ordered_json::object();
    for (const Setting& setting : trials[i].assignment)
      one["parameters"][setting.key.text()] = sweep::text_of(setting.value);
    if (standing.state == Standing::State::done) {
      one["seeds"] = standing.run.seeds;
      one["folder"] = standing.run.folder.string();
      for (const auto& [name, statistic] : standing.run.metrics) {
        one["metrics"][name] = {{"mean", finite_or_text(statistic.mean)},
                                {"deviation", finite_or_text(statistic.deviation)}};
      }
    }
    json["trials"].push_back(std::move(one));
  }
  return json.dump(2) + "\n";
}

}  // namespace assay::cli
