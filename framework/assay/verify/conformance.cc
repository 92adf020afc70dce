#include "assay/verify/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "assay/core/error.h"
#include "assay/verify/enlarge.h"
#include "assay/verify/kernel_oracles.h"
#include "assay/verify/known_values.h"
#include "assay/verify/rule_oracles.h"
#include "assay/verify/selector.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// What a tier asks of each op.
struct Effort {
  std::size_t cases;       // geometries at most, spread over the list
  std::size_t bias_cases;  // of these, for S in f32
  std::size_t
      wide_bias_cases;  // and in f64, where the quad numbers behind each draw take a hundred times as long
  std::size_t repeats;  // geometries for R
  int seeds;
  int rule_seeds;           // of D, F and T
  std::size_t fused_cases;  // geometries per fused chain
  bool fills;               // L on constants, on wide ranges and on scaled data, too
  bool extremes;            // L on data scaled by 2^±20, too
  bool rules_in_full;       // F and T beside D
  bool enlarged;            // L and R on sizes that threads share
};
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

// Most elements of the inputs together for oracles that run a kernel many times: S in f32 and in f64, and R.
constexpr std::int64_t kBiasElements = 3000, kWideBiasElements = 300, kRepeatElements = 200000;

// Cases that have numbers to judge.
std::vector<const Case*> with_elements(const std::vector<Case>& cases) {
  std::vector<const Case*> chosen;
  for (const Case& c : cases) {
    if (std::ranges::none_of(c.inputs, [](const CaseInput& input) { return input.shape.count() == 0; }))
      chosen.push_back(&c);
  }
  return chosen;
}

// All cases, or a few of those with elements.
std::vector<const Case*> spread(const std::vector<Case>& cases, std::size_t most) {
  std::vector<const Case*> chosen;
  if (most >= cases.size()) {
    for (const Case& c : cases) chosen.push_back(&c);
    return chosen;
  }
  const std::vector<const Case*> all = with_elements(cases);
  const std::size_t n = std::min(most, all.size());
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(all[i * all.size() / n]);
  return chosen;
}

// The geometries with the most numbers to judge, as far as the oracles that repeat can afford them.
std::vector<const Case*> largest(const std::vector<const Case*>& cases, std::size_t most,
                                 std::int64_t limit) {
  const auto size = [](const Case* c) {
    std::int64_t count = 0;
    for (const CaseInput& input : c->inputs) count += input.shape.count();
    return count;
  };
  std::vector<const Case*> sorted;
  for (const Case* c : cases) {
    if (size(c) <= limit) sorted.push_back(c);
  }
  std::ranges::stable_sort(sorted, std::greater{}, size);
  if (sorted.size() > most) sorted.resize(most);
  return sorted;
}

// The geometry with the fewest numbers: more threads than there are elements.
const Case* smallest(const std::vector<const Case*>& cases) {
  const auto size = [](const Case* c) {
    std::int64_t count = 0;
    for (const CaseInput& input : c->inputs) count += input.shape.count();
    return count;
  };
  const Case* least = nullptr;
  for (const Case* c : cases) {
    const bool empty =
        std::ranges::any_of(c->inputs, [](const CaseInput& input) { return input.shape.count() == 0; });
    if (!empty && (least == nullptr || size(c) < size(least))) least = c;
  }
  return least;
}

// Whether an exception is the expected answer to "differentiate this": the op says that it has no derivative.
bool differentiable(const OpDef& op) { return op.derivative || op.expand; }

// All checks of one op.
class OpVerification {
 public:
  OpVerification(const Registry& registry, const OpsOptions& options, const Selector& selector,
                 const std::vector<std::string>& backends, const OpDef& op)
      : registry_(registry),
        options_(options),
        selector_(selector),
        backends_(backends),
        op_(op),
        effort_(effort_of(options.tier)),
        cases_(spread(op.cases, effort_.cases)),
        reference_(registry.create_backend("reference", {}, 1)) {}

  Report run() {
    for (const std::string& backend : backends_) verify_backend(backend);
    verify_rule();
    verify_inputs();
    return std::move(report_);
  }

 private:
  bool wanted(Oracle oracle) const {
    return options_.oracles.empty() || std::ranges::find(options_.oracles, oracle) != options_.oracles.end();
  }
  bool done() const { return options_.stop_at_first_failure && report_.count(Status::failed) > 0; }

  // Runs `judge` if the selection wants it, and files its outcome.
  template <class Judge>
  void check(Oracle oracle, Subject subject, Judge judge) {
    if (done() || !wanted(oracle)) return;
    Check result;
    result.oracle = oracle;
    result.subject = std::move(subject);
    const std::string id = result.id();
    if (!selector_.matches(id)) return;
    Outcome outcome;
    try {
      outcome = judge();
    } catch (const Error& error) {
      outcome = Outcome::failed("no error", error.what());
    } catch (const std::exception& error) {
      outcome = Outcome::failed("no exception", error.what());
    }
    result.status = outcome.status;
    result.basis = std::move(outcome.basis);
    result.detail = std::move(outcome.detail);
    result.ratio = outcome.ratio;
    result.judged = outcome.judged;
    if (result.status == Status::failed) {
      result.reproduce =
          fmt::format("{} --tier {} --seed {} -k '={}'", options_.command, name_of(options_.tier), options_.seed, id);
    }
    report_.add(std::move(result));
  }

  std::uint64_t seed_of(const Case& c, int round) const {
    return options_.seed + 1000003 * static_cast<std::uint64_t>(round) +
           static_cast<std::uint64_t>(&c - op_.cases.data());
  }

  void verify_backend(const std::string& name) {
    const std::unique_ptr<Backend> backend = registry_.create_backend(name, {}, 1);
    std::vector<std::unique_ptr<Backend>> threaded;
    for (const int threads : kThreadCounts) threaded.push_back(registry_.create_backend(name, {}, threads));
    auto repeated = largest(cases_, effort_.repeats, kRepeatElements);
    if (const Case* const least = smallest(cases_)) repeated.push_back(least);
    for (const DType dtype : options_.dtypes) {
      const auto biased = dtype == DType::f32 ? largest(cases_, effort_.bias_cases, kBiasElements)
                                              : largest(cases_, effort_.wide_bias_cases, kWideBiasElements);
      for (const Case* c : cases_) {
        if (done()) return;
        KernelCase kernel{&registry_, reference_.get(), &op_, c, dtype, {}};
        const OpSite site = make_op_site(registry_.ops, op_, *c, dtype);
        Subject subject{op_.name, name, {}, dtype, c->label, shapes_of(site.site())};
        std::string refusal;
        kernel.kernel = bind_kernel(*backend, site.site(), refusal);
        if (!kernel.kernel.kernel) {
          check(Oracle::lockstep, subject, [&] {
            if (refusal.empty())
              return Outcome::failed("a refusal names its reason", "refused without a reason");
            return Outcome::skipped(name + ": " + refusal);
          });
          continue;
        }
        subject.implementation = kernel.kernel.plan.implementation;
        verify_kernel(kernel, subject);
        if (std::ranges::find(biased, c) != biased.end()) verify_bias(kernel, subject);
        if (std::ranges::find(repeated, c) != repeated.end()) {
          check(Oracle::repeat, subject, [&] { return repeat(kernel, threaded, name, seed_of(*c, 0)); });
        }
      }
    }
    if (effort_.enlarged) {
      for (const Axis axis : {Axis::outermost, Axis::innermost})
        verify_enlarged(name, *backend, threaded, axis);
    }
    verify_fusions(name, *backend);
    verify_known(name, *backend);
  }

  // The first geometry, from the largest down, that can be made so large that threads share the work.
  void verify_enlarged(const std::string& name, const Backend& backend,
                       const std::vector<std::unique_ptr<Backend>>& threaded, Axis axis) {
    for (const Case* base : largest(with_elements(op_.cases), op_.cases.size(), 3000)) {
      if (done()) return;
      const std::optional<Case> c = enlarged(registry_.ops, op_, *base, axis, kSharedElements);
      if (!c) continue;
      KernelCase kernel{&registry_, reference_.get(), &op_, &*c, DType::f32, {}};
      const OpSite site = make_op_site(registry_.ops, op_, *c, DType::f32);
      std::string refusal;
      kernel.kernel = bind_kernel(backend, site.site(), refusal);
      if (!kernel.kernel.kernel) continue;
      const Subject subject{op_.name,   name,     kernel.kernel.plan.implementation,
                            DType::f32, c->label, shapes_of(site.site())};
      check(Oracle::lockstep, subject, [&] { return check_lockstep(kernel, {.seed = options_.seed}); });
      // Of oneDNN's own threads nothing is promised to the last bit.
      if (name != "onednn")
        check(Oracle::repeat, subject, [&] { return on_threads(kernel, threaded, options_.seed); });
      return;
    }
  }

  void verify_known(const std::string& name, const Backend& backend) {
    int number = 0;
    for (const KnownValue& known : known_values()) {
      if (known.op != op_.name) continue;
      ++number;
      for (const DType dtype : options_.dtypes) {
        check(Oracle::known, {op_.name, name, {}, dtype, fmt::format("known value {}", number), {}},
              [&] { return check_known(registry_, *reference_, backend, known, dtype); });
      }
    }
  }

  // The backend's patterns that begin with this op, every alternative of the ops behind it.
  void verify_fusions(const std::string& name, const Backend& backend) {
    for (const Pattern& pattern : backend.patterns()) {
      if (std::ranges::find(pattern.steps.front(), op_.name) == pattern.steps.front().end()) continue;
      std::vector<std::vector<std::string>> chains{{}};
      for (std::size_t s = 1; s < pattern.steps.size(); ++s) {
        std::vector<std::vector<std::string>> longer;
        for (const std::vector<std::string>& chain : chains) {
          for (const std::string& next : pattern.steps[s]) {
            longer.push_back(chain);
            longer.back().push_back(next);
          }
        }
        chains = std::move(longer);
      }
      std::size_t offset = 0;
      for (const std::vector<std::string>& chain : chains) verify_chain(name, backend, chain, offset++);
    }
  }

  // Chains share the geometries between them: each begins at another one.
  void verify_chain(const std::string& name, const Backend& backend, const std::vector<std::string>& chain,
                    std::size_t offset) {
    std::string ops = op_.name;
    for (const std::string& next : chain) ops += "+" + next;
    const OpDef& last = registry_.ops.at(chain.back());
    const std::size_t count = std::min(effort_.fused_cases, cases_.size());
    for (const DType dtype : options_.dtypes) {
      for (std::size_t i = 0; i < count; ++i) {
        const Case& c = *cases_[(offset + i * cases_.size() / count) % cases_.size()];
        if (done()) return;
        const ChainSite site = make_chain_site(registry_.ops, op_, chain, c, dtype);
        KernelCase kernel{&registry_, reference_.get(), &last, &c, dtype, {}};
        Subject subject{ops, name, {}, dtype, c.label, shapes_of(site.site())};
        std::string refusal;
        kernel.kernel = bind_kernel(backend, site.site(), refusal);
        if (!kernel.kernel.kernel) {
          check(Oracle::lockstep, subject,
                [&] { return Outcome::skipped(name + " does not fuse: " + refusal); });
          continue;
        }
        subject.implementation = kernel.kernel.plan.implementation;
        const std::uint64_t seed = seed_of(c, 0);
        check(Oracle::poison, subject, [&] { return check_poison(kernel, seed, options_.execute); });
        check(Oracle::lockstep, subject, [&] { return lockstep(kernel, seed); });
      }
    }
  }

  void verify_kernel(const KernelCase& kernel, const Subject& subject) {
    for (int round = 0; round < effort_.seeds; ++round) {
      const std::uint64_t seed = seed_of(*kernel.geometry, round);
      check(Oracle::exact, subject, [&] { return check_exact(kernel, seed); });
      check(Oracle::poison, subject, [&] { return check_poison(kernel, seed, options_.execute); });
      check(Oracle::lockstep, subject, [&] { return lockstep(kernel, seed); });
      check(Oracle::metamorphic, subject, [&] { return check_scaling(kernel, seed); });
    }
  }

  void verify_bias(const KernelCase& kernel, const Subject& subject) {
    const int rounds = kernel.dtype == DType::f32 ? effort_.seeds : 1;
    for (int round = 0; round < rounds; ++round)
      check(Oracle::bias, subject, [&] { return check_bias(kernel, seed_of(*kernel.geometry, round)); });
  }

  // On every kind of data, the worst of them.
  Outcome lockstep(const KernelCase& kernel, std::uint64_t seed) const {
    std::vector<Draw> draws{{.seed = seed}};
    if (effort_.fills) {
      draws.push_back({.fill = Fill::constant, .seed = seed});
      draws.push_back({.fill = Fill::wide, .seed = seed});
      // Exponentials of these overflow in f64 too, unless the largest is taken off first.
      draws.push_back({.fill = Fill::wide, .seed = seed + 1, .exponent = 4});
      draws.push_back({.seed = seed, .exponent = -9});
      draws.push_back({.seed = seed, .exponent = 5});
    }
    if (effort_.extremes) {
      draws.push_back({.seed = seed, .exponent = -20});
      draws.push_back({.seed = seed, .exponent = 20});
    }
    Outcome all = Outcome::skipped("L: nothing was drawn");
    for (const Draw& draw : draws) {
      Outcome one = check_lockstep(kernel, draw);
      if (one.status == Status::skipped && all.status == Status::passed) continue;
      one.judged += all.judged;
      one.ratio = std::max(one.ratio, all.ratio);
      if (one.status == Status::failed) return one;
      all = std::move(one);
    }
    return all;
  }

  static Outcome on_threads(const KernelCase& kernel, const std::vector<std::unique_ptr<Backend>>& threaded,
                            std::uint64_t seed) {
    std::vector<BoundKernel> others;
    for (const auto& backend : threaded) {
      std::string refusal;
      others.push_back(bind_kernel(*backend, kernel.kernel.site, refusal));
      if (!others.back().kernel)
        return Outcome::failed("the same offer on any threads", "refused: " + refusal);
    }
    return check_threads(kernel, others, seed);
  }

  Outcome repeat(const KernelCase& kernel, const std::vector<std::unique_ptr<Backend>>& threaded,
                 const std::string& name, std::uint64_t seed) const {
    Outcome again = check_repeat(kernel, seed);
    if (again.status != Status::passed) return again;
    std::vector<BoundKernel> others;
    for (const auto& backend : threaded) {
      std::string refusal;
      BoundKernel other = bind_kernel(*backend, kernel.kernel.site, refusal);
      if (!other.kernel) return Outcome::failed("the same offer on any threads", "refused: " + refusal);
      others.push_back(std::move(other));
    }
    // What oneDNN does not promise is no defect: its partition of a sum follows the number of threads.
    Outcome threads =
        name == "onednn" ? within_bounds(kernel, others, seed) : check_threads(kernel, others, seed);
    threads.judged += again.judged;
    return threads;
  }

  // On every number of threads right, if not the same bits.
  static Outcome within_bounds(const KernelCase& kernel, const std::vector<BoundKernel>& others,
                               std::uint64_t seed) {
    const Plan& plan = kernel.kernel.plan;
    Outcome all;
    all.basis = fmt::format("exact: the same bits in {} runs; within its bound on {} threads", kReruns,
                            fmt::join(kThreadCounts, ", "));
    if (!plan.accuracy.algebra.empty()) return all;
    const std::vector<Tensor> inputs = make_inputs(*kernel.geometry, kernel.dtype, {.seed = seed});
    const Bounded bounded = run_on_bounds(*kernel.reference, kernel.kernel.site, inputs, plan.accuracy);
    if (!bounded.refusal.empty()) return all;
    for (const BoundKernel& other : others) {
      const Comparison result = compare(assay::verify::run(other, inputs), bounded, kernel.op->outputs);
      all.judged += result.judged;
      if (result.failed > 0)
        return Outcome::failed(all.basis, fmt::format("{}: {}", other.backend->description(), result.detail));
    }
    return all;
  }

  void verify_rule() {
    for (int round = 0; round < effort_.rule_seeds; ++round) {
      for (const Case* c : cases_) {
        verify_rule_on(*c, seed_of(*c, round));
        if (!op_.expand) continue;
        check(Oracle::program, {op_.name, {}, "expansion", DType::quad, "expansion of " + c->label, {}},
              [&] { return check_expansion(registry_, *reference_, op_, *c, seed_of(*c, round)); });
      }
    }
  }

  void verify_rule_on(const Case& c, std::uint64_t seed) {
    Subject subject{op_.name, {}, "derivative rule", DType::quad, c.label, {}};
    if (!differentiable(op_)) {
      check(Oracle::dual, subject, [] { return Outcome::skipped("the op has no derivative"); });
      return;
    }
    const RuleCase rule(registry_, *reference_, op_, c, {.seed = seed});
    if (!rule.has_directions()) {
      check(Oracle::dual, subject,
            [] { return Outcome::skipped("no derivative flows through the op's inputs"); });
      return;
    }
    subject.shapes = rule.shapes();
    check(Oracle::dual, subject, [&] {
      Outcome outcome = check_duals(rule);
      if (outcome.status == Status::failed) return outcome;
      Outcome ties = check_duals_on_ties(registry_, *reference_, op_, c, seed);
      ties.ratio = std::max(ties.ratio, outcome.ratio);
      ties.judged += outcome.judged;
      return ties;
    });
    if (!effort_.rules_in_full) return;
    check(Oracle::difference, subject, [&] { return check_differences(rule); });
    check(Oracle::taylor, subject, [&] { return check_taylor(rule); });
  }

  // An input that no geometry's output depends on is judged by nothing.
  void verify_inputs() {
    if (op_.cases.empty()) {
      check(Oracle::metamorphic, {op_.name, "reference"}, [] {
        return Outcome::failed("every op is judged",
                               "the op registers no geometry case, so that nothing can judge it");
      });
      return;
    }
    Subject subject{op_.name, "reference", {}, DType::f64, "every input counts", {}};
    check(Oracle::metamorphic, subject, [&] {
      // On all geometries that have elements, not the tier's few, until every input has shown itself.
      std::set<std::string> ignored;
      std::int64_t judged = 0;
      for (const Case* c : with_elements(op_.cases)) {
        KernelCase kernel{&registry_, reference_.get(), &op_, c, DType::f64, {}};
        std::string refusal;
        const OpSite site = make_op_site(registry_.ops, op_, *c, DType::f64);
        kernel.kernel = bind_kernel(*reference_, site.site(), refusal);
        if (!kernel.kernel.kernel) return Outcome::skipped("reference: " + refusal);
        const std::vector<std::string> here = ignored_inputs(kernel, seed_of(*c, 0));
        if (judged == 0) ignored.insert(here.begin(), here.end());
        std::erase_if(ignored,
                      [&](const std::string& input) { return std::ranges::find(here, input) == here.end(); });
        ++judged;
        if (ignored.empty()) break;
      }
      if (!ignored.empty()) {
        return Outcome::failed(
            "another draw of an input changes an output",
            fmt::format("MISTRUSTED: input '{}' changes no output on any geometry", *ignored.begin()));
      }
      return Outcome{Status::passed, "another draw of an input changes an output", {}, 0, judged};
    });
  }

  const Registry& registry_;
  const OpsOptions& options_;
  const Selector& selector_;
  const std::vector<std::string>& backends_;
  const OpDef& op_;
  const Effort effort_;
  const std::vector<const Case*> cases_;
  const std::unique_ptr<Backend> reference_;
  Report report_;
};

}  // namespace

Tier parse_tier(std::string_view name) {
  if (name == "smoke") return Tier::smoke;
  if (name == "standard") return Tier::standard;
  if (name == "full") return Tier::full;
  throw Error(fmt::format("unknown tier '{}'", name)).help("tiers: smoke, standard, full");
}

std::string_view name_of(Tier tier) noexcept {
  constexpr std::string_view kNames[] = {"smoke", "standard", "full"};
  return kNames[static_cast<std::size_t>(tier)];
}

Report verify_ops(const Registry& registry, const OpsOptions& options) {
  const Selector selector(options.select);
  std::vector<std::string> backends = options.backends;
  if (backends.empty()) backends = registry.backends.names();
  for (const std::string& backend : backends) (void)registry.backends.at(backend);
  std::vector<const OpDef*> ops;
  for (const std::string& name : options.ops) ops.push_back(&registry.ops.at(name));
  for (const auto& [name, entry] : registry.ops.entries()) {
    if (options.ops.empty() && !entry.value.view) ops.push_back(&entry.value);
  }

  std::vector<Report> reports(ops.size());
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::size_t done = 0;
  std::mutex mutex;
  std::exception_ptr thrown;
  const auto work = [&] {
    for (std::size_t i = next++; i < ops.size() && !failed; i = next++) {
      try {
        reports[i] = OpVerification(registry, options, selector, backends, *ops[i]).run();
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!thrown) thrown = std::current_exception();
        failed = true;
      }
      const std::lock_guard lock(mutex);
      ++done;
      if (options.progress) options.progress(ops[i]->name, done, ops.size());
      if (options.stop_at_first_failure && reports[i].count(Status::failed) > 0) failed = true;
    }
  };
  const unsigned jobs = options.jobs > 0 ? static_cast<unsigned>(options.jobs)
                                         : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> workers;
  for (unsigned j = 1; j < jobs; ++j) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  if (thrown) std::rethrow_exception(thrown);

  Report report;
  for (Report& part : reports) report.append(std::move(part));
  return report;
}

}  // namespace assay::verify
