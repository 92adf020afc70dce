// How much of a catalogue of faults the verification catches: every fault is put into a registry of its own
// and judged there by the checks of `assay verify --ops`, which do not know of it — `assay verify --mutants`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/faults/common_rules.h"
#include "assay/faults/fault.h"
#include "assay/verify/conformance.h"

namespace assay::faults {

struct Verdict {
  Fault fault;
  std::array<bool, verify::kOracleCount> caught_by{};
  verify::Tier tier = verify::Tier::smoke;  ///< the least that catches it, or the most that was tried
  bool missed = false;  ///< not caught, though the full tier sees it leave twice its bound somewhere
  std::string finding{};  ///< the first failed check and its detail
  double ratio = 0;       ///< the largest error as a share of its bound that passed
  Comparison common;

  bool caught() const;
  /// Not caught because there is nothing to see: the same bits everywhere.
  bool equivalent() const { return !caught() && common.same_bits; }
  bool survived() const { return !caught() && !common.same_bits; }
};

struct MeasureOptions {
  std::string select{};  ///< an expression over fault ids, as verify::Selector takes it
  verify::Tier tier = verify::Tier::standard;  ///< for what the tiers below it do not catch
  std::uint64_t seed = 1;
  int jobs = 0;  ///< faults judged at a time; 0: one per processor
  std::function<void(const std::string& fault, std::size_t done, std::size_t faults)> progress{};
};

/// One promise about what is caught, and how far it is kept.
struct Requirement {
  std::string text;
  std::int64_t caught = 0;
  std::int64_t faults = 0;  ///< not equivalent
  double share = 1.0;       ///< that must be caught
  bool kept() const { return static_cast<double>(caught) >= share * static_cast<double>(faults); }
};

struct Measurement {
  std::vector<Verdict> verdicts;
  /// Checks that fail on the correct code: none, or the measurement is worth nothing.
  std::vector<std::string> false_alarms;

  std::vector<Requirement> requirements() const;
  bool ok() const;
  /// The matrix class × oracle, requirements, comparison with the common rules, survivors and equivalents.
  std::string to_string() const;
  std::string to_json() const;
};

/// `fill` registers what is to be damaged (register_builtin). Throws Error for a malformed selection.
Measurement measure(const std::function<void(Registry&)>& fill, const MeasureOptions& options = {});

}  // namespace assay::faults
