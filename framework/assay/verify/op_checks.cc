#include "assay/verify/op_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>

namespace assay::verify {
namespace {

std::int64_t input_elements(const Case* c) {
  std::int64_t count = 0;
  for (const CaseInput& input : c->inputs) count += input.shape.count();
  return count;
}

bool has_elements(const Case* c) {
  return std::ranges::none_of(c->inputs, [](const CaseInput& input) { return input.shape.count() == 0; });
}

// All cases, or a few of those with elements: from the middle of as many parts of the list, since settings
// that take turns begin each with the smallest geometry.
std::vector<const Case*> spread(const std::vector<Case>& cases, std::size_t most) {
  std::vector<const Case*> chosen;
  if (most >= cases.size()) {
    for (const Case& c : cases) chosen.push_back(&c);
    return chosen;
  }
  const std::vector<const Case*> all = with_elements(cases);
  const std::size_t n = std::min(most, all.size());
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(all[(2 * i + 1) * all.size() / (2 * n)]);
  return chosen;
}

}  // namespace

Effort effort_of(Tier tier) {
  constexpr std::size_t kAll = 1000000;
  switch (tier) {
    case Tier::smoke:
      return {3, 0, 0, 1, 1, 1, 1, false, false, false, false};
    case Tier::standard:
      return {kAll, 3, 1, 2, 1, 1, 10, true, false, true, true};
    case Tier::full:
      return {kAll, kAll, 3, kAll, 4, 4, kAll, true, true, true, true};
  }
  return {};
}

std::vector<const Case*> with_elements(const std::vector<Case>& cases) {
  std::vector<const Case*> chosen;
  for (const Case& c : cases) {
    if (has_elements(&c)) chosen.push_back(&c);
  }
  return chosen;
}

std::vector<const Case*> largest(const std::vector<const Case*>& cases, std::size_t most,
                                 std::int64_t limit) {
  std::vector<const Case*> sorted;
  for (const Case* c : cases) {
    if (input_elements(c) <= limit) sorted.push_back(c);
  }
  std::ranges::stable_sort(sorted, std::greater{}, input_elements);
  if (sorted.size() > most) sorted.resize(most);
  return sorted;
}

const Case* smallest(const std::vector<const Case*>& cases) {
  const Case* least = nullptr;
  for (const Case* c : cases) {
    if (has_elements(c) && (least == nullptr || input_elements(c) < input_elements(least))) least = c;
  }
  return least;
}

OpChecks::OpChecks(const Registry& known, const OpsOptions& chosen, const Selector& selector,
                   const OpDef& judged)
    : registry(known),
      options(chosen),
      op(judged),
      effort(effort_of(chosen.tier)),
      cases(spread(judged.cases, effort.cases)),
      reference(known.create_backend("reference", {}, 1)),
      selector_(selector) {}

bool OpChecks::done() const { return options.stop_at_first_failure && report.count(Status::failed) > 0; }

std::uint64_t OpChecks::seed_of(const Case& c, int round) const {
  return options.seed + 1000003 * static_cast<std::uint64_t>(round) +
         static_cast<std::uint64_t>(&c - op.cases.data());
}

KernelCase OpChecks::bind(const Backend& backend, const Case& c, DType dtype, const Site& site,
                          std::string& refusal) const {
  return {&registry, reference.get(), site.ops.back().op, &c, dtype, bind_kernel(backend, site, refusal)};
}

void OpChecks::check(Oracle oracle, Subject subject, const std::function<Outcome()>& judge) {
  const bool wanted =
      options.oracles.empty() || std::ranges::find(options.oracles, oracle) != options.oracles.end();
  if (done() || !wanted) return;
  Check result;
  result.oracle = oracle;
  result.subject = std::move(subject);
  const std::string id = result.id();
  if (!selector_.matches(id)) return;
  result.judge(judge);
  if (result.status == Status::failed) {
    result.reproduce = fmt::format("{} --tier {} --seed {} -k '={}'", options.command, name_of(options.tier),
                                   options.seed, id);
  }
  report.add(std::move(result));
}

bool OpChecks::attempt(Subject subject, const std::function<void()>& part) {
  std::string problem;
  try {
    part();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (problem.empty()) return true;
  check(Oracle::program, std::move(subject),
        [&] { return Outcome::failed("what the op registers fits together", problem); });
  return false;
}

}  // namespace assay::verify
