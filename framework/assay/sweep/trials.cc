#include "assay/sweep/trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "assay/core/random.h"
#include "assay/experiment/overrides.h"
#include "assay/experiment/trainer.h"

namespace assay::sweep {
namespace {

// Draws per trial before a random search is taken to have found all that there is.
constexpr std::uint32_t kDraws = 200;

std::vector<Settings> grid_of(const std::vector<Parameter>& parameters) {
  std::vector<Settings> all{{}};
  for (const Parameter& parameter : parameters) {
    std::vector<Settings> longer;
    for (const Settings& settings : all) {
      for (const ConfigNode& value : parameter.values) {
        longer.push_back(settings);
        longer.back().push_back({parameter.key, value});
      }
    }
    all = std::move(longer);
  }
  return all;
}

// Keyed by trial and parameter: a longer search begins with the trials of a shorter one, and another
// parameter changes none of the others' values.
ConfigNode draw(const Parameter& parameter, std::uint64_t seed, std::uint32_t trial, std::uint32_t attempt) {
  const RandomStream stream{seed, stream_id("sweep/" + parameter.key.text())};
  if (!parameter.range) {
    const auto count = static_cast<std::uint32_t>(parameter.values.size());
    return parameter.values[random_below(stream, trial, attempt, 0, count)];
  }
  const Range& range = *parameter.range;
  const double u = random_uniform(stream, trial, attempt, 0);
  const double top = range.integers ? range.maximum + 1 : range.maximum;
  double value = range.logarithmic
                     ? std::exp(std::log(range.minimum) + u * (std::log(top) - std::log(range.minimum)))
                     : range.minimum + u * (top - range.minimum);
  ConfigNode node;
  if (range.integers) {
    value = std::clamp(std::floor(value), range.minimum, range.maximum);
    node = ConfigNode::integer(static_cast<std::int64_t>(value));
  } else {
    // Six digits: as good as any in a search, readable, and the same from every library's exp and log.
    node = ConfigNode::number(std::stod(fmt::format("{:.6g}", value)));
  }
  node.set_place(parameter.key.source(), parameter.key.source_begin(), parameter.key.source_end());
  return node;
}

bool is_excluded(const SweepFile& sweep, const Settings& assignment) {
  return std::ranges::any_of(sweep.exclude,
                             [&](const Settings& excluded) { return matches(assignment, excluded); });
}

std::vector<Settings> random_assignments(const SweepFile& sweep) {
  std::vector<Settings> all;
  std::map<std::string, std::size_t> seen;
  for (std::uint32_t trial = 0; trial < static_cast<std::uint32_t>(sweep.trials); ++trial) {
    bool found = false;
    for (std::uint32_t attempt = 0; attempt < kDraws && !found; ++attempt) {
      Settings settings;
      for (const Parameter& parameter : sweep.parameters)
        settings.push_back({parameter.key, draw(parameter, sweep.seed, trial, attempt)});
      found = !is_excluded(sweep, settings) && seen.try_emplace(label_of(settings), trial).second;
      if (found) all.push_back(std::move(settings));
    }
    if (!found) {
      throw Error(fmt::format("the search should have {} trials, but only {} different ones were found",
                              sweep.trials, all.size()))
          .help(fmt::format("ask for {} trials or fewer, or give the parameters more values", all.size()));
    }
  }
  return all;
}

Trial make_trial(const SweepFile& sweep, const ConfigNode& base, const Settings& assignment,
                 const Registry& registry) {
  ConfigNode root = base;
  const auto apply = [&](const Settings& settings) {
    for (const Setting& setting : settings) apply_override(root, setting.key, setting.value);
  };
  apply(sweep.set);
  // Keys that exclude each other: the one that the sweep sets takes the other's place.
  for (const Setting& setting : sweep.set) {
    if (setting.key.text() == "seeds") root.erase("seed");
    if (setting.key.text() == "seed") root.erase("seeds");
  }
  if (sweep.threads_per_job)
    apply_override(root, ConfigNode::text("backend.threads"), *sweep.threads_per_job);
  apply(assignment);
  for (const Conditional& conditional : sweep.overrides) {
    if (matches(assignment, conditional.when)) apply(conditional.set);
  }
  Trial trial;
  trial.configuration = read_experiment(std::move(root), sweep.experiment, registry).resolved;
  trial.flat = flattened(trial.configuration);
  trial.id = identity_of(trial.flat).substr(0, 12);
  trial.assignment = assignment;
  return trial;
}

}  // namespace

std::string label_of(const Settings& assignment) {
  std::string text;
  for (const Setting& setting : assignment)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", setting.key.text(), text_of(setting.value));
  return text;
}

std::vector<Trial> make_trials(const SweepFile& sweep, const Registry& registry) {
  const ConfigNode base = load_extended(sweep.experiment);
  std::vector<Settings> assignments = sweep.method == SweepFile::Method::grid   ? grid_of(sweep.parameters)
                                      : sweep.method == SweepFile::Method::list ? sweep.list
                                                                                : random_assignments(sweep);
  std::erase_if(assignments, [&](const Settings& assignment) { return is_excluded(sweep, assignment); });
  std::vector<Trial> trials;
  std::map<std::string, std::size_t> seen;
  for (const Settings& assignment : assignments) {
    try {
      trials.push_back(make_trial(sweep, base, assignment, registry));
    } catch (Error& error) {
      throw error.note(fmt::format("in the trial {}", label_of(assignment)));
    }
    const auto [first, added] = seen.try_emplace(trials.back().id, trials.size());
    if (added) continue;
    Error error(fmt::format("trials {} and {} are the same experiment", first->second, trials.size()));
    if (const auto where = assignment.front().key.where()) error.at(*where, "the second");
    throw error.note(fmt::format("the first: {}", label_of(trials[first->second - 1].assignment)))
        .note(fmt::format("the second: {}", label_of(assignment)));
  }
  return trials;
}

void check_first(const SweepFile& sweep, const std::vector<Trial>& trials, const Registry& registry) {
  if (trials.empty()) return;
  const Experiment experiment = read_experiment(trials.front().configuration, sweep.experiment, registry);
  const Problem problem(experiment, registry, experiment.seeds.front());
  const Trainer trainer(problem);
  const std::vector<std::string> measured = problem.metric_names();
  const ConfigNode& metric = sweep.objective.metric;
  if (std::ranges::find(measured, metric.text()) != measured.end()) return;
  Error error(fmt::format("the experiment measures no '{}'", metric.text()));
  if (const auto where = metric.where()) error.at(*where, "not measured");
  throw error.help(suggestion("metric", metric.text(), measured));
}

}  // namespace assay::sweep
