#include "assay/sweep/sweep_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "assay/core/utf8.h"
#include "assay/experiment/flat_config.h"
#include "assay/experiment/read_fields.h"
#include "assay/experiment/yaml_parser.h"

namespace assay::sweep {
namespace {

constexpr std::int64_t kMostTrials = 100'000;
constexpr std::int64_t kMostJobs = 1024;

class SweepReader {
 public:
  SweepReader(const ConfigNode& root, SweepFile& sweep) : root_(root), sweep_(sweep) {}

  void read() {
    MapReader top(root_, diagnostics_, "the sweep");
    if (!top.valid()) diagnostics_.throw_if_any();
    if (const ConfigNode* model = root_.find("model");
        model != nullptr && root_.find("experiment") == nullptr) {
      report(diagnostics_, *model, "this file describes an experiment, not a sweep",
             "an experiment holds its model so",
             "run it with assay run, or name it under the key 'experiment' of a sweep");
      diagnostics_.throw_if_any();
    }
    if (const ConfigNode* version = top.required("assay"))
      read_integer(*version, diagnostics_, "'assay'", 1, 1);
    if (const ConfigNode* name = top.required("name")) read_name(*name);
    if (const ConfigNode* experiment = top.required("experiment")) {
      if (read_text(*experiment, diagnostics_, "'experiment'")) sweep_.experiment = resolve_path(*experiment);
    }
    if (const ConfigNode* objective = top.required("objective")) read_objective(*objective);
    const ConfigNode* method = top.optional("method");
    if (method != nullptr) read_method(*method);
    const bool listed = sweep_.method == SweepFile::Method::list;
    if (const ConfigNode* named = listed ? top.required("trials") : top.required("parameters"))
      listed ? read_list(*named) : read_parameters(*named);
    if (const ConfigNode* exclude = top.optional("exclude")) {
      for_each_map(*exclude, "'exclude'", [&](const ConfigNode& item) {
        sweep_.exclude.push_back(read_settings(item, "an element of 'exclude'"));
        check_condition(sweep_.exclude.back(), "'exclude'");
      });
    }
    if (const ConfigNode* overrides = top.optional("overrides")) {
      for_each_map(*overrides, "'overrides'", [&](const ConfigNode& item) { read_override(item); });
    }
    if (const ConfigNode* set = top.optional("set")) read_set(*set);
    if (const ConfigNode* execution = top.optional("execution")) read_execution(*execution);
    top.finish();
    diagnostics_.throw_if_any();
  }

 private:
  void read_name(const ConfigNode& node) {
    if (const auto name = read_folder_name(node, diagnostics_, "a sweep")) sweep_.name = *name;
  }

  void read_objective(const ConfigNode& node) {
    MapReader reader(node, diagnostics_, "'objective'");
    const ConfigNode* metric = reader.required("metric");
    const ConfigNode* mode = reader.required("mode");
    if (metric != nullptr && read_text(*metric, diagnostics_, "'metric'")) sweep_.objective.metric = *metric;
    const FieldDef choice{.name = "mode", .kind = FieldKind::choice, .choices = {"min", "max"}};
    if (mode != nullptr) {
      if (const auto value = read_field(*mode, choice, diagnostics_))
        sweep_.objective.maximize = std::get<std::string>(*value) == "max";
    }
    reader.finish();
  }

  void read_method(const ConfigNode& node) {
    const ConfigNode map = in_full(node);
    MapReader reader(map, diagnostics_, "'method'");
    const ConfigNode* type = reader.required("type");
    if (type == nullptr) return;
    const FieldDef choice{.name = "method", .kind = FieldKind::choice, .choices = {"grid", "list", "random"}};
    const auto value = read_field(*type, choice, diagnostics_);
    if (!value) return;
    const std::string& name = std::get<std::string>(*value);
    sweep_.method = name == "grid"   ? SweepFile::Method::grid
                    : name == "list" ? SweepFile::Method::list
                                     : SweepFile::Method::random;
    if (sweep_.method == SweepFile::Method::random) {
      constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
      if (const ConfigNode* trials = reader.required("trials"))
        sweep_.trials = read_integer(*trials, diagnostics_, "'trials'", 1, kMostTrials).value_or(1);
      if (const ConfigNode* seed = reader.required("seed")) {
        const auto number = read_integer(*seed, diagnostics_, "'seed'", 0, kLargest);
        sweep_.seed = static_cast<std::uint64_t>(number.value_or(0));
      }
    }
    reader.finish();
  }

  template <class Each>
  void for_each_map(const ConfigNode& node, const std::string& what, Each each) {
    if (!node.is_sequence()) {
      report(diagnostics_, node, fmt::format("{} must be a list, not {}", what, describe(node)),
             "a list of maps expected");
      return;
    }
    for (const ConfigNode& item : node.items()) each(item);
  }

  Settings read_settings(const ConfigNode& node, const std::string& what) {
    Settings settings;
    if (!node.is_map() || node.entries().empty()) {
      report(
          diagnostics_, node,
          fmt::format("{} must be a map of settings, not {}", what, node.is_map() ? "empty" : describe(node)),
          "such as {optimizer.learning_rate: 0.001}");
      return settings;
    }
    for (const ConfigNode::Entry& entry : node.entries()) {
      check_key(entry.key);
      settings.push_back({entry.key, entry.value});
    }
    return settings;
  }

  // Plugins are loaded once, for all trials: two versions of one cannot stand side by side.
  void check_key(const ConfigNode& key) {
    if (key.text().substr(0, key.text().find_first_of(".[")) != "plugins") return;
    report(diagnostics_, key, "a sweep does not change the plugins of its experiment",
           "the same for every trial", "name them in the experiment, or by --plugin");
  }

  void read_parameters(const ConfigNode& node) {
    if (!node.is_map() || node.entries().empty()) {
      report(diagnostics_, node, "'parameters' names nothing that varies",
             "such as {optimizer.learning_rate: [0.001, 0.01]}");
      return;
    }
    double product = 1;
    for (const auto& [key, value] : node.entries()) {
      check_key(key);
      Parameter parameter{key, {}, {}};
      if (value.is_map() && sweep_.method == SweepFile::Method::random) {
        parameter.range = read_range(value, key);
      } else if (!value.is_sequence() || value.items().empty()) {
        report(diagnostics_, value,
               fmt::format("the parameter {} has no list of values", in_quotes(key.text())),
               "a list of at least one value expected",
               value.is_map() ? "a range {min, max, scale} belongs to method {type: random}" : "");
        continue;
      } else {
        parameter.values.assign(value.items().begin(), value.items().end());
        check_distinct(parameter);
      }
      product *= parameter.range ? 1 : static_cast<double>(parameter.values.size());
      known_.push_back(key.text());
      sweep_.parameters.push_back(std::move(parameter));
    }
    if (sweep_.method == SweepFile::Method::grid && product > kMostTrials) {
      report(diagnostics_, node, fmt::format("a grid of {:.0f} trials; {} is the most", product, kMostTrials),
             "too many", "search at random: method: {type: random, trials: 100, seed: 0}");
    }
  }

  void check_distinct(const Parameter& parameter) {
    for (std::size_t i = 0; i < parameter.values.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!same_value(parameter.values[i], parameter.values[j])) continue;
        report(diagnostics_, parameter.values[i],
               fmt::format("the parameter {} has the value {} twice", in_quotes(parameter.key.text()),
                           text_of(parameter.values[i])),
               "given again", "each trial exists once: remove one of the two");
        break;
      }
    }
  }

  Range read_range(const ConfigNode& node, const ConfigNode& key) {
    Range range;
    MapReader reader(node, diagnostics_, fmt::format("the range of {}", in_quotes(key.text())));
    const ConfigNode *least = reader.required("min"), *most = reader.required("max");
    if (const ConfigNode* scale = reader.optional("scale")) {
      const FieldDef choice{.name = "scale", .kind = FieldKind::choice, .choices = {"linear", "log"}};
      if (const auto value = read_field(*scale, choice, diagnostics_))
        range.logarithmic = std::get<std::string>(*value) == "log";
    }
    reader.finish();
    if (least == nullptr || most == nullptr) return range;
    const auto minimum = read_number(*least, diagnostics_, "'min'"),
               maximum = read_number(*most, diagnostics_, "'max'");
    if (!minimum || !maximum) return range;
    range.minimum = *minimum;
    range.maximum = *maximum;
    range.integers =
        least->scalar_type() == ScalarType::integer && most->scalar_type() == ScalarType::integer;
    if (range.minimum >= range.maximum) report(diagnostics_, *most, "'max' must be above 'min'", "not above");
    if (range.logarithmic && range.minimum <= 0)
      report(diagnostics_, *least, "a logarithmic range begins above 0", "not above 0");
    return range;
  }

  void read_list(const ConfigNode& node) {
    for_each_map(node, "'trials'", [&](const ConfigNode& item) {
      sweep_.list.push_back(read_settings(item, "a trial"));
      for (const Setting& setting : sweep_.list.back()) {
        if (std::ranges::find(known_, setting.key.text()) == known_.end())
          known_.push_back(setting.key.text());
      }
    });
    if (node.is_sequence() && node.items().empty())
      report(diagnostics_, node, "'trials' is empty", "at least one trial expected");
  }

  void read_override(const ConfigNode& node) {
    MapReader reader(node, diagnostics_, "an element of 'overrides'");
    const ConfigNode *when = reader.required("when"), *set = reader.required("set");
    reader.finish();
    if (when == nullptr || set == nullptr) return;
    sweep_.overrides.push_back({read_settings(*when, "'when'"), read_settings(*set, "'set'")});
    check_condition(sweep_.overrides.back().when, "'when'");
  }

  // A condition that can never hold is a mistake: an unknown parameter, or a value that it never has.
  void check_condition(const Settings& condition, std::string_view what) {
    for (const Setting& setting : condition) {
      if (std::ranges::find(known_, setting.key.text()) == known_.end()) {
        report(diagnostics_, setting.key,
               fmt::format("{} names {}, which does not vary", what, in_quotes(setting.key.text())),
               "no parameter of this sweep", suggestion("parameter", setting.key.text(), known_));
        continue;
      }
      const auto parameter = std::ranges::find_if(
          sweep_.parameters, [&](const Parameter& p) { return p.key.text() == setting.key.text(); });
      if (parameter == sweep_.parameters.end() || parameter->range) continue;
      std::vector<std::string> values;
      for (const ConfigNode& value : parameter->values) values.push_back(text_of(value));
      if (std::ranges::find(values, text_of(setting.value)) != values.end()) continue;
      report(diagnostics_, setting.value,
             fmt::format("{} never has the value {}", in_quotes(setting.key.text()), text_of(setting.value)),
             "matches no trial", "its values: " + join(values));
    }
  }

  void read_set(const ConfigNode& node) {
    sweep_.set = read_settings(node, "'set'");
    for (const Setting& setting : sweep_.set) {
      if (std::ranges::find(known_, setting.key.text()) == known_.end()) continue;
      report(diagnostics_, setting.key,
             fmt::format("{} is set for every trial and varies as well", in_quotes(setting.key.text())),
             "a parameter, too", "remove one of the two");
    }
  }

  void read_execution(const ConfigNode& node) {
    MapReader reader(node, diagnostics_, "'execution'");
    if (const ConfigNode* jobs = reader.optional("jobs"))
      sweep_.jobs = static_cast<int>(read_integer(*jobs, diagnostics_, "'jobs'", 1, kMostJobs).value_or(1));
    if (const ConfigNode* threads = reader.optional("threads_per_job")) {
      if (read_integer(*threads, diagnostics_, "'threads_per_job'", 1, kMostJobs))
        sweep_.threads_per_job = *threads;
    }
    reader.finish();
  }

  const ConfigNode& root_;
  SweepFile& sweep_;
  std::vector<std::string> known_;  // keys that vary
  Diagnostics diagnostics_;
};

}  // namespace

SweepFile load_sweep(const std::filesystem::path& file) {
  SweepFile sweep;
  sweep.file = file;
  const ConfigNode root = load_yaml(file);
  SweepReader(root, sweep).read();
  return sweep;
}

bool same_value(const ConfigNode& a, const ConfigNode& b) { return flattened(a) == flattened(b); }

std::string text_of(const ConfigNode& value) {
  const FlatConfig flat = flattened(value);
  if (flat.size() == 1 && flat.begin()->first.empty()) return flat.begin()->second;
  std::string text;
  for (const auto& [key, setting] : flat) text += (text.empty() ? "" : ", ") + key + ": " + setting;
  return "{" + text + "}";
}

bool matches(const Settings& assignment, const Settings& wanted) {
  return std::ranges::all_of(wanted, [&](const Setting& want) {
    return std::ranges::any_of(assignment, [&](const Setting& has) {
      return has.key.text() == want.key.text() && same_value(has.value, want.value);
    });
  });
}

}  // namespace assay::sweep
