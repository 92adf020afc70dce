// What a measurement looks like: the matrix class × oracle, the requirements, the comparison, the survivors.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assay/faults/measure.h"

namespace assay::faults {
namespace {

using verify::Oracle;

constexpr Oracle kColumns[] = {Oracle::exact,       Oracle::poison,     Oracle::lockstep, Oracle::bias,
                               Oracle::dual,        Oracle::difference, Oracle::taylor,   Oracle::repeat,
                               Oracle::metamorphic, Oracle::known,      Oracle::program};

using Caught = std::array<bool, verify::kOracleCount>;

// The fewest oracles that between them catch what all of them catch, taken greedily: "E+L".
std::string smallest_set(std::vector<Caught> left) {
  std::string letters;
  std::erase_if(left, [](const Caught& by) { return std::ranges::find(by, true) == by.end(); });
  while (!left.empty()) {
    const Oracle best = *std::ranges::max_element(kColumns, {}, [&](Oracle oracle) {
      return std::ranges::count_if(left,
                                   [&](const Caught& by) { return by[static_cast<std::size_t>(oracle)]; });
    });
    letters += (letters.empty() ? "" : "+") + std::string(1, verify::letter_of(best));
    std::erase_if(left, [&](const Caught& by) { return by[static_cast<std::size_t>(best)]; });
  }
  return letters;
}

struct Row {
  std::int64_t faults = 0, equivalent = 0, caught = 0;
  std::vector<Caught> each{};
  std::array<std::int64_t, verify::kOracleCount> by{};
  std::array<std::int64_t, kCommonRules> common{};

  void add(const Verdict& verdict) {
    ++faults;
    equivalent += verdict.equivalent() ? 1 : 0;
    caught += verdict.caught() ? 1 : 0;
    each.push_back(verdict.caught_by);
    for (std::size_t o = 0; o < by.size(); ++o) by[o] += verdict.caught_by[o] ? 1 : 0;
    if (verdict.equivalent()) return;
    for (std::size_t r = 0; r < common.size(); ++r) common[r] += verdict.common.rejected[r] ? 1 : 0;
  }
  std::int64_t judged() const { return faults - equivalent; }
};

// Of nothing there is no share.
std::string percent(std::int64_t part, std::int64_t all) {
  return all == 0 ? "none"
                  : fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

std::string line(const std::string& label, const Row& row) {
  std::string text = fmt::format("{:<37}{:>7}{:>7}{:>9}", label, row.judged(), row.caught,
                                 percent(row.caught, row.judged()));
  for (const Oracle oracle : kColumns) text += fmt::format("{:>6}", row.by[static_cast<std::size_t>(oracle)]);
  text += "  |";
  for (const std::int64_t count : row.common) text += fmt::format("{:>6}", count);
  return text + "  | " + smallest_set(row.each) + "\n";
}

std::string matrix(const std::vector<Verdict>& verdicts) {
  std::map<int, Row> rows;
  Row all;
  for (const Verdict& verdict : verdicts) {
    rows[verdict.fault.number].add(verdict);
    all.add(verdict);
  }
  std::string text = fmt::format("{:<37}{:>7}{:>7}{:>9}", "class", "faults", "caught", "rate");
  for (const Oracle oracle : kColumns)
    text += fmt::format("{:>6}", std::string(1, verify::letter_of(oracle)));
  text += "  |";
  for (int r = 0; r < kCommonRules; ++r) text += fmt::format("{:>6}", fmt::format("({})", r + 1));
  text += "  | enough\n";
  for (const auto& [number, row] : rows)
    text += line(fmt::format("{:>2} {}", number, class_name(number)), row);
  text += line("all", all);
  text +=
      "\nOracles: E exact, P poison, L lockstep bound, S signed bias, D dual numbers, F finite differences, "
      "T Taylor, "
      "R repeatability, M metamorphic, V known values, G program.\nRules in common use, on the same "
      "faults:\n";
  for (std::size_t r = 0; r < kCommonRules; ++r) {
    text += fmt::format("  ({}) {:<42} {:>7} caught\n", r + 1, kCommonRuleNames[r],
                        percent(all.common[r], all.judged()));
  }
  return text + fmt::format("  {:<46} {:>7} caught\n", "assay", percent(all.caught, all.judged()));
}

// Equivalents by kind: how many, and why.
std::string equivalents(const std::vector<Verdict>& verdicts) {
  std::map<std::string, std::pair<std::string, std::set<std::string>>> kinds;
  for (const Verdict& verdict : verdicts) {
    if (!verdict.equivalent()) continue;
    auto& [reason, ops] = kinds[verdict.fault.kind];
    reason = verdict.fault.equivalent.empty() ? "the same bits in every case" : verdict.fault.equivalent;
    ops.insert(verdict.fault.op);
  }
  std::string text;
  for (const auto& [kind, why] : kinds) {
    text += fmt::format("  {}: {} ({})\n", kind, fmt::join(why.second, ", "), why.first);
  }
  return text;
}

}  // namespace

std::vector<Requirement> Measurement::requirements() const {
  std::vector<Requirement> all = {{"no-op, zeros or the previous output in the place of a kernel or a rule"},
                                  {"a relative error of 1e-5 or more in every element"},
                                  {"a relative error of 1e-6 in every element", 0, 0, 0.95},
                                  {"one unit in the last place of one element, where E judges"},
                                  {"whatever the full tier sees leave twice its bound"}};
  for (const Verdict& verdict : verdicts) {
    const Fault& fault = verdict.fault;
    const auto count = [&](std::size_t r) {
      if (verdict.equivalent()) return;
      ++all[r].faults;
      all[r].caught += verdict.caught() ? 1 : 0;
    };
    if (fault.kind == "no-op" || fault.kind == "zeros" || fault.kind == "previous output") count(0);
    if (fault.coherent >= 1e-5) count(1);
    if (fault.coherent == 1e-6) count(2);
    if (fault.kind == "one ulp in one element" && fault.polynomial) count(3);
    if (verdict.caught() || verdict.missed) count(4);
  }
  return all;
}

bool Measurement::ok() const {
  const auto all = requirements();
  return false_alarms.empty() && std::ranges::all_of(all, [](const Requirement& r) { return r.kept(); });
}

std::string Measurement::to_string() const {
  std::string text = matrix(verdicts) + "\nRequired:\n";
  for (const Requirement& r : requirements()) {
    const char* const verdict = r.faults == 0 ? "no such fault" : r.kept() ? "ok" : "FAILED";
    text += fmt::format("  {:<13}  {}: {} of {} caught\n", verdict, r.text, r.caught, r.faults);
  }
  std::set<std::string> defects;
  std::int64_t modelled = 0, survivors = 0;
  std::string listed;
  for (const Verdict& verdict : verdicts) {
    if (!verdict.fault.defect.empty()) {
      defects.insert(verdict.fault.defect);
      ++modelled;
    }
    if (!verdict.survived()) continue;
    ++survivors;
    listed +=
        fmt::format("  {:>2} {} (at most {:.2g} of a bound{})\n", verdict.fault.number, verdict.fault.id(),
                    verdict.ratio, verdict.missed ? "; the full tier sees twice that" : "");
  }
  text += fmt::format("\n{} faults modelled on {} real defects.\n", modelled, defects.size());
  if (survivors > 0) text += fmt::format("\nSurvivors ({}):\n{}", survivors, listed);
  const std::string same = equivalents(verdicts);
  if (!same.empty()) text += "\nEquivalent: the same bits in every case, on any number of threads.\n" + same;
  for (const std::string& alarm : false_alarms) text += "FALSE ALARM on correct code: " + alarm + "\n";
  return text;
}

std::string Measurement::to_json() const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Verdict& verdict : verdicts) {
    nlohmann::ordered_json row;
    row["id"] = verdict.fault.id();
    row["class"] = verdict.fault.number;
    row["op"] = verdict.fault.op;
    row["backend"] = verdict.fault.backend.empty() ? "rule" : verdict.fault.backend;
    if (!verdict.fault.defect.empty()) row["defect"] = verdict.fault.defect;
    row["verdict"] = verdict.caught() ? "caught" : verdict.equivalent() ? "equivalent" : "survived";
    std::string letters;
    for (const Oracle oracle : kColumns) {
      if (verdict.caught_by[static_cast<std::size_t>(oracle)]) letters += verify::letter_of(oracle);
    }
    row["oracles"] = letters;
    row["tier"] = verify::name_of(verdict.tier);
    for (std::size_t r = 0; r < kCommonRules; ++r)
      row["common"][std::string(kCommonRuleNames[r])] = verdict.common.rejected[r];
    if (!verdict.finding.empty()) row["finding"] = verdict.finding;
    rows.push_back(std::move(row));
  }
  nlohmann::ordered_json document;
  document["ok"] = ok();
  for (const Requirement& r : requirements())
    document["requirements"].push_back(
        {{"text", r.text}, {"caught", r.caught}, {"faults", r.faults}, {"kept", r.kept()}});
  document["false_alarms"] = false_alarms;
  document["faults"] = std::move(rows);
  return document.dump(1) + "\n";
}

}  // namespace assay::faults
