#include "assay/verify/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "assay/core/error.h"
#include "assay/verify/crash.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

struct OracleName {
  char letter;
  std::string_view name;
};
constexpr OracleName kOracles[kOracleCount] = {{'E', "exact lattice"},     {'P', "poison"},
                                               {'L', "lockstep bound"},    {'S', "signed bias"},
                                               {'D', "dual numbers"},      {'F', "finite differences"},
                                               {'T', "Taylor remainder"},  {'R', "repeatability"},
                                               {'M', "metamorphic"},       {'V', "known values"},
                                               {'C', "accuracy contract"}, {'G', "program"}};

}  // namespace

char letter_of(Oracle oracle) noexcept { return kOracles[static_cast<int>(oracle)].letter; }
std::string_view name_of(Oracle oracle) noexcept { return kOracles[static_cast<int>(oracle)].name; }

void Outcome::add(Outcome more) {
  if (status == Status::failed || (status == Status::passed && more.status == Status::skipped)) return;
  more.judged += judged;
  more.ratio = std::max(more.ratio, ratio);
  if (status == Status::passed && more.status == Status::passed) more.basis = std::move(basis);
  *this = std::move(more);
}

void Check::settle(Outcome outcome) {
  status = outcome.status;
  basis = std::move(outcome.basis);
  detail = std::move(outcome.detail);
  ratio = outcome.ratio;
  judged = outcome.judged;
}

void Check::judge(const std::function<Outcome()>& oracle) {
  const Judging judging(id());
  try {
    settle(oracle());
  } catch (const Error& error) {
    settle(Outcome::failed("no error", error.what()));
  } catch (const std::exception& error) {
    settle(Outcome::failed("no exception", error.what()));
  }
}

std::string Check::id() const {
  std::string text(1, letter_of(oracle));
  for (const std::string& part :
       {subject.op, subject.backend, std::string(assay::name_of(subject.dtype)), subject.geometry}) {
    if (!part.empty()) text += " " + part;
  }
  return text;
}

void Report::append(Report other) { std::ranges::move(other.checks_, std::back_inserter(checks_)); }

std::int64_t Report::count(Status status) const {
  return std::ranges::count(checks_, status, &Check::status);
}

bool Report::ok() const { return count(Status::failed) == 0 && count(Status::passed) > 0; }

namespace {

bool is_rule(Oracle oracle) {
  return oracle == Oracle::dual || oracle == Oracle::difference || oracle == Oracle::taylor;
}

// How many gradient cases: geometries and data of derivative rules, each by one oracle.
std::string gradient_cases(const std::vector<Check>& checks) {
  std::map<char, std::int64_t> cases;
  std::int64_t all = 0;
  for (const Check& check : checks) {
    if (!is_rule(check.oracle) || check.status == Status::skipped) continue;
    ++cases[letter_of(check.oracle)];
    ++all;
  }
  if (all == 0) return "";
  std::string text;
  for (const auto& [oracle, count] : cases)
    text += fmt::format("{}{} by {}", text.empty() ? "" : ", ", count, oracle);
  return fmt::format("\n  gradient cases: {} ({})", all, text);
}

// What the passed statistics of S say about its false alarms.
std::string false_alarms(const std::vector<Check>& checks) {
  std::int64_t count = 0, statistics = 0, failed = 0;
  for (const Check& check : checks) {
    if (check.oracle != Oracle::bias || check.status == Status::skipped) continue;
    ++count;
    statistics += check.judged;
    failed += check.status == Status::failed ? 1 : 0;
  }
  if (count == 0) return "";
  std::string text = fmt::format("\n  S: {} checks of {} statistics", count, statistics);
  if (failed > 0) return text + fmt::format(", {} checks failed", failed);
  const double rate = kRuleOfThree / static_cast<double>(statistics);
  text += fmt::format(
      ", none above {}σ: on code that is right, a false alarm in fewer than {:.1e} of them (rule of three, "
      "95 %)",
      kBiasDeviations, rate);
  if (rate > kBiasFalseAlarms)
    text += fmt::format("; {:.0f} would support {:.0e}", kRuleOfThree / kBiasFalseAlarms, kBiasFalseAlarms);
  return text;
}

// "109 ops and 57 components".
std::string counted(const std::map<SubjectKind, std::set<std::string>>& subjects) {
  constexpr const char* kNames[] = {"op", "component", "graph", "tensor"};
  std::vector<std::string> parts;
  for (const auto& [kind, names] : subjects) {
    if (kind == SubjectKind::program || names.empty()) continue;
    parts.push_back(
        fmt::format("{} {}{}", names.size(), kNames[static_cast<int>(kind)], names.size() == 1 ? "" : "s"));
  }
  return parts.empty() ? "0 ops" : fmt::format("{}", fmt::join(parts, " and "));
}

}  // namespace

std::string Report::summary() const {
  std::map<SubjectKind, std::set<std::string>> subjects;
  std::set<std::string> backends, shapes;
  std::set<DType> dtypes;
  std::map<std::string, std::int64_t> skipped;
  std::int64_t judged = 0;
  for (const Check& check : checks_) {
    if (check.status == Status::skipped) {
      ++skipped[check.detail];
      continue;
    }
    subjects[check.subject.kind].insert(check.subject.op);
    if (!check.subject.backend.empty()) backends.insert(check.subject.backend);
    shapes.insert(check.subject.shapes);
    dtypes.insert(check.subject.dtype);
    judged += check.judged;
  }
  std::string text = fmt::format(
      "{} checks on {}, {} backend{}, {} dtype{} and {} shape{}; {} numbers judged: {} passed, {} failed, {} "
      "skipped",
      count(Status::passed) + count(Status::failed), counted(subjects), backends.size(),
      backends.size() == 1 ? "" : "s", dtypes.size(), dtypes.size() == 1 ? "" : "s", shapes.size(),
      shapes.size() == 1 ? "" : "s", judged, count(Status::passed), count(Status::failed),
      count(Status::skipped));
  std::vector<std::pair<std::int64_t, std::string>> reasons;
  for (const auto& [reason, number] : skipped) reasons.emplace_back(-number, reason);
  std::ranges::sort(reasons);
  for (const auto& [number, reason] : reasons) text += fmt::format("\n  skipped {}: {}", -number, reason);
  return text + gradient_cases(checks_) + false_alarms(checks_);
}

namespace {

// Failures of one kind look alike: a few are shown whole, the rest counted.
constexpr int kShownOfAKind = 3;

std::string kind_of(const Check& check) {
  return fmt::format("{} of '{}'{}", name_of(check.oracle), check.subject.op,
                     check.subject.backend.empty() ? "" : " on " + check.subject.backend);
}

std::string describe(const Check& check) {
  std::string text = fmt::format("FAILED {}\n  {}\n", check.id(), check.detail);
  if (!check.subject.implementation.empty())
    text += fmt::format("  implementation: {}\n", check.subject.implementation);
  text += fmt::format("  judged by: {} ({})\n", name_of(check.oracle), check.basis);
  if (!check.reproduce.empty()) text += fmt::format("  reproduce: {}\n", check.reproduce);
  return text;
}

// Backends are judged by the reference: where all of them part from it on an op, it is the one to look at.
std::string suspicions(const std::vector<Check>& checks) {
  std::map<std::string, std::set<std::string>> judged, parting;
  for (const Check& check : checks) {
    if (check.status == Status::skipped || check.subject.backend.empty() ||
        check.subject.backend == "reference")
      continue;
    if (check.oracle != Oracle::lockstep && check.oracle != Oracle::exact) continue;
    judged[check.subject.op].insert(check.subject.backend);
    if (check.status == Status::failed) parting[check.subject.op].insert(check.subject.backend);
  }
  std::string text;
  for (const auto& [op, backends] : parting) {
    if (backends.size() > 1 && backends == judged[op]) {
      text += fmt::format(
          "All {} backends part from the reference on '{}': look at the reference's own kernel first.\n",
          backends.size(), op);
    }
  }
  return text;
}

}  // namespace

std::string Report::to_string() const {
  std::string text;
  std::map<std::string, int> kinds;
  for (const Check& check : checks_) {
    if (check.status != Status::failed) continue;
    if (++kinds[kind_of(check)] <= kShownOfAKind) text += describe(check);
  }
  for (const auto& [kind, count] : kinds) {
    if (count > kShownOfAKind)
      text += fmt::format("... and {} more failures: {}\n", count - kShownOfAKind, kind);
  }
  return text + suspicions(checks_) + summary() + "\n";
}

}  // namespace assay::verify
