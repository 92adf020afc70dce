// The checks of an op's derivative rule and expansion, and of the geometries that judge it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "assay/verify/enlarge.h"
#include "assay/verify/known_values.h"
#include "assay/verify/op_checks.h"
#include "assay/verify/other_settings.h"
#include "assay/verify/rule_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// Most elements of the inputs together where a program holds several calls of one op.
constexpr std::int64_t kMergedElements = 300;

constexpr const char* kNoDirections = "no derivative flows through the op's inputs";

// An op may say that it has no derivative.
bool differentiable(const OpDef& op) { return op.derivative || op.expand; }

void check_rule_on(OpChecks& checks, const Case& c, std::uint64_t seed) {
  Subject subject{checks.op.name, {}, "derivative rule", DType::quad, c.label, {}};
  if (!differentiable(checks.op)) {
    checks.check(Oracle::dual, subject, [] { return Outcome::skipped("the op has no derivative"); });
    return;
  }
  const RuleCase rule(checks.registry, *checks.reference, checks.op, c, {.seed = seed});
  if (!rule.has_directions()) {
    checks.check(Oracle::dual, subject, [] { return Outcome::skipped(kNoDirections); });
    return;
  }
  subject.shapes = rule.shapes();
  checks.check(Oracle::dual, subject, [&] {
    Outcome outcome = check_duals(rule);
    if (outcome.status != Status::failed)
      outcome.add(check_duals_on_ties(checks.registry, *checks.reference, checks.op, c, seed));
    return outcome;
  });
  if (!checks.effort.rules_in_full) return;
  checks.check(Oracle::difference, subject, [&] { return check_differences(rule); });
  checks.check(Oracle::taylor, subject, [&] { return check_taylor(rule); });
}

// D on many rows, and on a long one: a definition or a rule may be wrong from some element on, as no small
// geometry shows.
void check_rule_on_large(OpChecks& checks) {
  const std::vector<const Case*> bases =
      flattest_first(largest(with_elements(checks.op.cases), checks.op.cases.size(), kPartElements));
  for (const Axis axis : {Axis::row, Axis::outermost}) {
    for (const Case* base : bases) {
      const auto c = enlarged(checks.registry.ops, checks.op, *base, axis, kLongRuleRow);
      if (!c) continue;
      const OpSite site = make_op_site(checks.registry.ops, checks.op, *c, DType::quad);
      const Subject subject{checks.op.name, {},       "derivative rule",
                            DType::quad,    c->label, shapes_of(site.site())};
      checks.check(Oracle::dual, subject, [&] {
        const RuleCase rule(checks.registry, *checks.reference, checks.op, *c, {.seed = checks.options.seed});
        return rule.has_directions() ? check_duals(rule) : Outcome::skipped(kNoDirections);
      });
      break;
    }
  }
}

// On one geometry of every kind: what rules branch on.
void check_rule_in_parts(OpChecks& checks) {
  std::set<std::string> done;
  for (const Case* c : largest(checks.cases, checks.cases.size(), kPartElements)) {
    if (!done.insert(kind_of(checks.op, *c)).second) continue;
    const auto check = [&](Oracle oracle, const std::string& what, auto judge) {
      checks.check(oracle, {checks.op.name, {}, "derivative rule", DType::quad, what + c->label, {}}, judge);
    };
    if (differentiable(checks.op))
      check(Oracle::dual, "each alone, ", [&] {
        return check_duals_of_each(checks.registry, *checks.reference, checks.op, *c, checks.seed_of(*c, 0));
      });
    check(Oracle::metamorphic, "every dtype, ",
          [&] { return check_rule_in_every_dtype(checks.registry, checks.op, *c); });
  }
}

void check_rule_on_other_settings(OpChecks& checks) {
  for (const Case* base : largest(with_elements(checks.op.cases), 1, kPartElements)) {
    for (const Case& c : with_other_settings(checks.registry.ops, checks.op, *base)) {
      checks.check(Oracle::dual, {checks.op.name, {}, "derivative rule", DType::quad, c.label, {}}, [&] {
        const RuleCase rule(checks.registry, *checks.reference, checks.op, c, {.seed = checks.seed_of(c, 0)});
        return rule.has_directions() ? check_duals(rule) : Outcome::skipped(kNoDirections);
      });
    }
  }
}

// On all geometries that have elements, not the tier's few, until every input has shown itself.
Outcome every_input_counts(const OpChecks& checks) {
  constexpr const char* kBasis = "another draw of an input changes an output";
  std::set<std::string> ignored;
  std::int64_t judged = 0;
  for (const Case* c : with_elements(checks.op.cases)) {
    std::string refusal;
    const OpSite site = make_op_site(checks.registry.ops, checks.op, *c, DType::f64);
    const KernelCase kernel = checks.bind(*checks.reference, *c, DType::f64, site.site(), refusal);
    if (!kernel.kernel.kernel) return Outcome::skipped("reference: " + refusal);
    const std::vector<std::string> here = ignored_inputs(kernel, checks.seed_of(*c, 0));
    if (judged == 0) ignored.insert(here.begin(), here.end());
    std::erase_if(ignored,
                  [&](const std::string& input) { return std::ranges::find(here, input) == here.end(); });
    ++judged;
    if (ignored.empty()) break;
  }
  if (!ignored.empty()) {
    return Outcome::failed(
        kBasis, fmt::format("MISTRUSTED: input '{}' changes no output on any geometry", *ignored.begin()));
  }
  return Outcome{Status::passed, kBasis, {}, 0, judged};
}

// On every geometry where the graph would leave the op out.
Outcome neutral_leaves_the_other(const OpChecks& checks, const Neutral& neutral) {
  const std::string basis =
      fmt::format("exact: input {} = {} leaves the other as it is", neutral.operand, neutral.value);
  Outcome all = Outcome::failed(
      basis, "no geometry where the other has the output's spec, so that nothing can judge it");
  for (const Case* c : with_elements(checks.op.cases)) {
    std::string refusal;
    const OpSite site = make_op_site(checks.registry.ops, checks.op, *c, DType::f64);
    const Site judged = site.site();
    const Spec& operand = judged.input(static_cast<std::size_t>(neutral.operand));
    const Spec& other = judged.input(static_cast<std::size_t>(1 - neutral.operand));
    if (operand.dtype != DType::f64 || !(other == judged.output())) continue;
    const KernelCase kernel = checks.bind(*checks.reference, *c, DType::f64, judged, refusal);
    if (!kernel.kernel.kernel) return Outcome::skipped("reference: " + refusal);
    for (const Draw& draw :
         {Draw{.seed = checks.seed_of(*c, 0)}, Draw{.fill = Fill::zeros, .seed = checks.seed_of(*c, 0)}}) {
      std::vector<Tensor> inputs = make_inputs(*c, DType::f64, draw);
      std::ranges::fill(inputs[static_cast<std::size_t>(neutral.operand)].as<double>(), neutral.value);
      const std::vector<Tensor> got = run(kernel.kernel, inputs);
      std::vector<Tensor> want;
      want.push_back(std::move(inputs[static_cast<std::size_t>(1 - neutral.operand)]));
      if (!same_bits(got, want))
        return Outcome::failed(basis, fmt::format("{}: {}", c->label, compare_exactly(got, want).detail));
      all = {Status::passed, basis, {}, 0, all.judged + want.front().count()};
    }
  }
  return all;
}

}  // namespace

void check_rules(OpChecks& checks) {
  int number = 0;
  for (const KnownDerivative& known : known_derivatives()) {
    if (known.op != checks.op.name) continue;
    checks.check(
        Oracle::known,
        {checks.op.name, {}, "derivative rule", DType::quad, fmt::format("known value {}", ++number), {}},
        [&] { return check_known_derivative(checks.registry, *checks.reference, known); });
  }
  check_rule_in_parts(checks);
  if (differentiable(checks.op)) check_rule_on_other_settings(checks);
  if (checks.effort.enlarged) {
    checks.check(Oracle::metamorphic, {checks.op.name, "reference", {}, DType::quad, "rows", {}},
                 [&] { return check_rows(checks); });
    if (differentiable(checks.op)) check_rule_on_large(checks);
  }
  for (int round = 0; round < checks.effort.rule_seeds; ++round) {
    for (const Case* c : checks.cases) {
      const std::uint64_t seed = checks.seed_of(*c, round);
      check_rule_on(checks, *c, seed);
      if (!checks.op.expand) continue;
      checks.check(Oracle::program,
                   {checks.op.name, {}, "expansion", DType::quad, "expansion of " + c->label, {}},
                   [&] { return check_expansion(checks.registry, *checks.reference, checks.op, *c, seed); });
    }
  }
}

void check_inputs(OpChecks& checks) {
  if (checks.op.cases.empty()) {
    checks.check(Oracle::metamorphic, {checks.op.name, "reference"}, [] {
      return Outcome::failed("every op is judged",
                             "the op registers no geometry case, so that nothing can judge it");
    });
    return;
  }
  const auto on_reference = [&](const std::string& what, auto judge) {
    checks.check(Oracle::metamorphic, {checks.op.name, "reference", {}, DType::f64, what, {}}, judge);
  };
  on_reference("every input counts", [&] { return every_input_counts(checks); });
  for (const Case* c : largest(with_elements(checks.op.cases), 1, kMergedElements)) {
    checks.check(
        Oracle::program, {checks.op.name, "reference", {}, DType::f64, "merging on " + c->label, {}}, [&] {
          return check_merging(checks.registry, *checks.reference, checks.op, *c, checks.seed_of(*c, 0));
        });
  }
  for (const Neutral& neutral : checks.op.neutral) {
    on_reference(fmt::format("input {} neutral at {}", neutral.operand, neutral.value),
                 [&] { return neutral_leaves_the_other(checks, neutral); });
  }
}

}  // namespace assay::verify
