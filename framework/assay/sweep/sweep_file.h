// A sweep file with types: which experiment, which of its settings vary and how, and how the trials are
// compared. What each trial is then made of is trials.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "assay/experiment/config_tree.h"

namespace assay::sweep {

/// A dotted key such as model.layers[hidden].units, and what it is set to. Both know their place in the file.
struct Setting {
  ConfigNode key;
  ConfigNode value;
};
using Settings = std::vector<Setting>;

/// Of a random search: numbers between two bounds, integers where both bounds are.
struct Range {
  double minimum = 0, maximum = 1;
  bool logarithmic = false;
  bool integers = false;
};

/// A setting that varies: over a list of values, or over a range.
struct Parameter {
  ConfigNode key;
  std::vector<ConfigNode> values;
  std::optional<Range> range;
};

/// `overrides: [{when: {...}, set: {...}}]`: settings of the trials that match.
struct Conditional {
  Settings when, set;
};

struct Objective {
  ConfigNode metric;  ///< "validation/accuracy"
  bool maximize = false;
};

struct SweepFile {
  enum class Method : std::uint8_t { grid, list, random };

  std::filesystem::path file;
  std::string name;
  std::filesystem::path experiment;
  Objective objective;
  Method method = Method::grid;
  std::int64_t trials = 0;            ///< of a random search
  std::uint64_t seed = 0;             ///< of a random search
  std::vector<Parameter> parameters;  ///< of grid and random search
  std::vector<Settings> list;         ///< of a list: the trials
  std::vector<Settings> exclude;      ///< trials that match one of them do not exist
  std::vector<Conditional> overrides;
  Settings set;  ///< of every trial
  int jobs = 1;  ///< trials at a time
  std::optional<ConfigNode> threads_per_job;
};

/// Throws Error with everything that is wrong in the file (20 findings at most).
SweepFile load_sweep(const std::filesystem::path& file);

/// Whether two values say the same: 1e-3 and 0.001 do.
bool same_value(const ConfigNode& a, const ConfigNode& b);

/// The value as it stands in a table: "0.001", "{type: sgd, learning_rate: 0.1}".
std::string text_of(const ConfigNode& value);

/// Whether `assignment` has every one of `wanted`.
bool matches(const Settings& assignment, const Settings& wanted);

}  // namespace assay::sweep
