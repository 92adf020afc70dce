// bench: how long training steps of experiments take, what they compute and what they hold. Each experiment
// is measured in a process of its own, and rounds go around between them, so that their ratios hold where the
// machine's speed changes with time or with other programs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assay/bench/subject.h"

namespace assay::bench {

struct Options {
  std::int64_t rounds = 15;
  double round_seconds = 0.05;  ///< steps are repeated within a round until it lasts as long
  bool profile = false;
  /// How many times this process has allocated so far; empty: allocations are not counted.
  std::function<std::int64_t()> allocations{};
  /// Told what begins, and how much of the whole is done.
  std::function<void(const std::string& what, std::int64_t done, std::int64_t total)> progress{};
};

struct Measurement {
  std::string file;        ///< as it was named
  std::string experiment;  ///< its name
  std::string backend;
  std::string dtype;
  Facts facts{};
  std::int64_t steps_per_round = 0;
  std::vector<double> seconds;        ///< per step, one for each round
  std::size_t peak_bytes = 0;         ///< resident memory of the process at its highest
  std::optional<double> allocations;  ///< per step
  std::vector<OpTime> profile;        ///< in the order of execution
};

/// Measures every experiment, in their order; a warming step opens each turn of each round. To be called
/// before this process has started threads. Throws Error for what cannot be prepared, as Problem does, and
/// where a process ends early.
std::vector<Measurement> measure(std::span<const Experiment> experiments, const Registry& registry,
                                 const Options& options);

}  // namespace assay::bench
