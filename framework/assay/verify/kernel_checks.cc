// The checks of an op's kernels on one backend.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "assay/verify/enlarge.h"
#include "assay/verify/known_values.h"
#include "assay/verify/layouts.h"
#include "assay/verify/op_checks.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// Most elements of the inputs together for oracles that run a kernel many times: S in f32 and in f64, and R.
constexpr std::int64_t kBiasElements = 3000, kWideBiasElements = 300, kRepeatElements = 200000;
// Of the numbers of threads, those that share kTwoShares.
constexpr std::size_t kFewThreads = 3;

class KernelChecks {
 public:
  KernelChecks(OpChecks& checks, const std::string& name, const Fields& fields = {})
      : checks_(checks), name_(name), backend_(checks.registry.create_backend(name, fields, 1)) {
    for (const int threads : kThreadCounts)
      threaded_.push_back(checks.registry.create_backend(name, fields, threads));
  }

  void run() {
    for (const DType dtype : checks_.options.dtypes) on_geometries(dtype);
    if (checks_.effort.enlarged) {
      for (const Axis axis : {Axis::outermost, Axis::innermost}) on_enlarged(axis);
      if (checks_.op.multiply_adds) {
        for (const Axis axis : {Axis::both, Axis::result}) on_enlarged(axis);
      }
      on_enlarged_kinds();
    }
    on_fusions();
    on_known_values();
  }

  // Of a backend with other fields than the default ones, the kernels that rewrite the algebra: the others
  // are the default ones.
  void run_rewritten() {
    rewritten_ = true;
    for (const DType dtype : checks_.options.dtypes) on_geometries(dtype);
    on_fusions();
  }

 private:
  void on_geometries(DType dtype) {
    const Effort& effort = checks_.effort;
    auto repeated = largest(checks_.cases, effort.repeats, kRepeatElements);
    if (const Case* const least = smallest(checks_.cases)) repeated.push_back(least);
    const auto biased = dtype == DType::f32
                            ? largest(checks_.cases, effort.bias_cases, kBiasElements)
                            : largest(checks_.cases, effort.wide_bias_cases, kWideBiasElements);
    for (const Case* c : checks_.cases) {
      if (checks_.done()) return;
      const OpSite site = make_op_site(checks_.registry.ops, checks_.op, *c, dtype);
      Subject subject{checks_.op.name, name_, {}, dtype, c->label, shapes_of(site.site())};
      std::string refusal;
      const KernelCase kernel = checks_.bind(*backend_, *c, dtype, site.site(), refusal);
      if (rewritten_ && !take_algebra(kernel, subject)) continue;
      if (!kernel.kernel.kernel) {
        checks_.check(Oracle::lockstep, subject, [&] {
          if (refusal.empty())
            return Outcome::failed("a refusal names its reason", "refused without a reason");
          return Outcome::skipped(name_ + ": " + refusal);
        });
        continue;
      }
      subject.implementation = kernel.kernel.plan.implementation;
      on_every_seed(kernel, subject);
      if (effort.enlarged) on_layouts(*c, site.site(), subject, checks_.seed_of(*c, 0));
      if (std::ranges::find(biased, c) != biased.end()) {
        const int rounds = dtype == DType::f32 ? effort.seeds : 1;
        for (int round = 0; round < rounds; ++round)
          checks_.check(Oracle::bias, subject,
                        [&] { return check_bias(kernel, checks_.seed_of(*c, round)); });
      }
      if (std::ranges::find(repeated, c) != repeated.end())
        checks_.check(Oracle::repeat, subject, [&] { return repeat(kernel, checks_.seed_of(*c, 0)); });
    }
  }

  // As operands lie in a program, where the backend keeps them so: other code runs there.
  void on_layouts(const Case& c, const Site& canonical, const Subject& subject, std::uint64_t seed) {
    if (rewritten_ || canonical.inputs.empty() || canonical.input(0).dtype != DType::f32) return;
    if (const auto site = as_convolutions_leave_it(checks_.registry, *backend_, canonical))
      on_layout(c, *site, ", as a convolution leaves it", subject, seed);
    if (const auto site = as_first_layers_leave_it(checks_.registry, *backend_, canonical))
      on_layout(c, *site, ", as the weight of a first layer lies", subject, seed);
  }

  void on_layout(const Case& c, const Site& site, std::string_view how, Subject subject, std::uint64_t seed) {
    std::string refusal;
    const KernelCase kernel = checks_.bind(*backend_, c, DType::f32, site, refusal);
    if (!kernel.kernel.kernel) return;
    subject.geometry += how;
    subject.implementation = kernel.kernel.plan.implementation;
    if (site.ops.size() == 1)
      checks_.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, seed); });
    checks_.check(Oracle::poison, subject,
                  [&] { return check_poison(kernel, seed, checks_.options.execute); });
    checks_.check(Oracle::lockstep, subject, [&] { return lockstep_as_it_lies(kernel, seed); });
  }

  // On ordinary data, where functions branch, on indices as a pooling leaves them, and on special numbers.
  static Outcome lockstep_as_it_lies(const KernelCase& kernel, std::uint64_t seed) {
    Outcome all = check_lockstep(kernel, {.seed = seed});
    const auto also = [&](Outcome one) {
      if (all.status == Status::failed || one.status == Status::skipped) return;
      one.judged += all.judged;
      one.ratio = std::max(one.ratio, all.ratio);
      all = std::move(one);
    };
    const Draw zeros{.fill = Fill::zeros, .seed = seed};
    also(check_lockstep(kernel, zeros));
    if (const auto inputs = with_indices_of_tiles(*kernel.registry, kernel, zeros))
      also(check_lockstep_on(kernel, *inputs));
    if (all.status == Status::passed) also_on_special_numbers(kernel, seed, all);
    return all;
  }

  void on_every_seed(const KernelCase& kernel, const Subject& subject) {
    for (int round = 0; round < checks_.effort.seeds; ++round) {
      const std::uint64_t seed = checks_.seed_of(*kernel.geometry, round);
      checks_.check(Oracle::exact, subject, [&] { return check_exact(kernel, seed); });
      checks_.check(Oracle::poison, subject,
                    [&] { return check_poison(kernel, seed, checks_.options.execute); });
      checks_.check(Oracle::lockstep, subject, [&] { return lockstep(kernel, seed); });
      checks_.check(Oracle::metamorphic, subject, [&] { return check_scaling(kernel, seed); });
    }
  }

  // Of every rank the first geometry, from the largest down, that can be made so large that threads share the
  // work: batches of products are shared in another way than the rows of one. Of batches also the longest:
  // what is summed over rows has few of them in the largest geometries.
  void on_enlarged(Axis axis) {
    std::set<std::string> done;
    auto bases = largest(with_elements(checks_.op.cases), checks_.op.cases.size(), kBiasElements);
    on_enlarged(axis, bases, done);
    if (axis != Axis::outermost || !makes_one_number()) return;
    std::ranges::stable_sort(bases, std::greater{}, [](const Case* c) {
      std::int64_t rows = 0;
      for (const CaseInput& input : c->inputs)
        rows = std::max(rows, input.shape.rank() == 0 ? 0 : input.shape[0]);
      return rows;
    });
    on_enlarged(axis, bases, done);
  }

  bool makes_one_number() const {
    return std::ranges::all_of(with_elements(checks_.op.cases), [&](const Case* c) {
      const OpSite site = make_op_site(checks_.registry.ops, checks_.op, *c, DType::f32);
      return site.outputs.front().shape().rank() == 0;
    });
  }

  void on_enlarged(Axis axis, const std::vector<const Case*>& bases, std::set<std::string>& done) {
    std::set<int> ranks;
    for (const Case* base : bases) {
      if (checks_.done()) return;
      const int rank = base->inputs.empty() ? 0 : base->inputs.front().shape.rank();
      if (ranks.contains(rank)) continue;
      const std::optional<Case> c = enlarged(checks_.registry.ops, checks_.op, *base, axis, kSharedElements);
      if (!c) continue;
      const OpSite site = make_op_site(checks_.registry.ops, checks_.op, *c, DType::f32);
      if (done.contains(c->label) || on_shared_work(*c, site.site(), checks_.op.name, axis)) {
        ranks.insert(rank);
        done.insert(c->label);
        enlarged_kinds_[axis].insert(kind_of(checks_.op, *base));
      }
    }
  }

  // Other code shares the work of other kinds of geometries: of each the largest, along every axis, on as
  // much as two threads share.
  void on_enlarged_kinds() {
    if (name_ == "reference") return;  // plain loops, one per op
    const std::uint64_t seed = checks_.options.seed;
    // Axes inside count where the op names some.
    const bool inside = std::ranges::any_of(checks_.op.fields, [](const FieldDef& field) {
      return field.name == "axis" || field.name == "axes";
    });
    for (const Axis axis : {Axis::outermost, Axis::middle, Axis::innermost, Axis::matrix}) {
      if ((axis == Axis::middle || axis == Axis::matrix) && !inside) continue;
      std::set<std::string>& kinds = enlarged_kinds_[axis];
      for (const Case* base :
           largest(with_elements(checks_.op.cases), checks_.op.cases.size(), kBiasElements)) {
        if (checks_.done()) return;
        const std::string kind = kind_of(checks_.op, *base);
        if (kinds.contains(kind)) continue;
        const std::optional<Case> c = enlarged(checks_.registry.ops, checks_.op, *base, axis, kTwoShares);
        if (!c) continue;
        const OpSite site = make_op_site(checks_.registry.ops, checks_.op, *c, DType::f32);
        std::string refusal;
        const KernelCase kernel = checks_.bind(*backend_, *c, DType::f32, site.site(), refusal);
        if (!kernel.kernel.kernel) continue;
        kinds.insert(kind);
        const Subject subject{checks_.op.name, name_,    kernel.kernel.plan.implementation,
                              DType::f32,      c->label, shapes_of(site.site())};
        checks_.check(Oracle::lockstep, subject, [&] { return check_lockstep(kernel, {.seed = seed}); });
        on_kind_by_threads(*base, axis, kernel, subject);
      }
    }
  }

  // `kernel` on few threads; of products and convolutions, one of as much work as all of them share.
  void on_kind_by_threads(const Case& base, Axis axis, const KernelCase& kernel, Subject subject) {
    if (one_thread() || !checks_.registry.backends.at(name_).same_bits_on_any_threads) return;
    const OpTable& ops = checks_.registry.ops;
    const std::uint64_t seed = checks_.options.seed;
    const double work =
        checks_.op.multiply_adds ? multiply_adds_of(ops, checks_.op, *kernel.geometry) : kSharedWork;
    if (work >= kSharedWork || work == 0) {
      const std::size_t threads = checks_.op.multiply_adds ? thread_counts() : kFewThreads;
      checks_.check(Oracle::repeat, subject, [&] { return on_threads(kernel, seed, threads); });
      return;
    }
    const auto times = static_cast<std::int64_t>(kSharedWork / work) + 1;
    const std::optional<Case> c = enlarged(ops, checks_.op, base, axis, times * kTwoShares);
    if (!c) return;
    const OpSite site = make_op_site(ops, checks_.op, *c, DType::f32);
    std::string refusal;
    const KernelCase longer = checks_.bind(*backend_, *c, DType::f32, site.site(), refusal);
    if (!longer.kernel.kernel) return;
    subject.geometry = c->label;
    subject.shapes = shapes_of(site.site());
    checks_.check(Oracle::repeat, subject, [&] { return on_threads(longer, seed, thread_counts()); });
  }

  // Whether the backend takes it.
  bool on_shared_work(const Case& c, const Site& site, const std::string& ops, Axis axis) {
    std::string refusal;
    const KernelCase kernel = checks_.bind(*backend_, c, DType::f32, site, refusal);
    if (!kernel.kernel.kernel) return false;
    const std::uint64_t seed = checks_.options.seed;
    const Subject subject{ops,        name_,   kernel.kernel.plan.implementation,
                          DType::f32, c.label, shapes_of(site)};
    if (site.ops.size() == 1)
      checks_.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, seed); });
    checks_.check(Oracle::lockstep, subject, [&] {
      Outcome ordinary = check_lockstep(kernel, {.seed = seed});
      const bool averages =
          !checks_.op.polynomial && !checks_.op.activation && !checks_.op.name.ends_with("_grad");
      if (!averages || ordinary.status != Status::passed) return ordinary;
      // Where a mean is all there is to the data, and a variance 0.
      Outcome constant = check_lockstep(kernel, {.fill = Fill::constant, .seed = seed});
      return constant.status == Status::failed ? constant : ordinary;
    });
    checks_.check(Oracle::repeat, subject, [&] { return on_threads(kernel, seed, thread_counts()); });
    if (site.ops.size() == 1 && axis == Axis::outermost) on_layouts(c, site, subject, seed);
    return true;
  }

  void on_known_values() {
    int number = 0;
    for (const KnownValue& known : known_values()) {
      if (known.op != checks_.op.name) continue;
      ++number;
      for (const DType dtype : checks_.options.dtypes) {
        checks_.check(
            Oracle::known, {checks_.op.name, name_, {}, dtype, fmt::format("known value {}", number), {}},
            [&] { return check_known(checks_.registry, *checks_.reference, *backend_, known, dtype); });
      }
    }
  }

  // The backend's patterns that begin with this op, every alternative of the ops behind it.
  void on_fusions() {
    for (const Pattern& pattern : backend_->patterns()) {
      if (std::ranges::find(pattern.steps.front(), checks_.op.name) == pattern.steps.front().end()) continue;
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
      // Between them they go through all geometries.
      const std::size_t share = (checks_.cases.size() + chains.size() - 1) / chains.size();
      for (const std::vector<std::string>& chain : chains) on_chain(chain, offset++, share);
      if (checks_.effort.enlarged && !rewritten_) on_enlarged_chain(chains.front());
    }
  }

  // Chains share the geometries between them: each begins at another one.
  void on_chain(const std::vector<std::string>& chain, std::size_t offset, std::size_t share) {
    std::string ops = checks_.op.name;
    for (const std::string& next : chain) ops += "+" + next;
    const std::vector<const Case*>& cases = checks_.cases;
    const std::size_t few = checks_.effort.fused_cases;
    for (const DType dtype : checks_.options.dtypes) {
      // In f64, where the quad numbers take a hundred times as long, a few of its share.
      const bool whole_share = few > 1 && dtype == DType::f32;
      const std::size_t count = std::min(whole_share ? std::max(few, share) : few, cases.size());
      for (std::size_t i = 0; i < count; ++i) {
        const Case& c = *cases[(offset + i * cases.size() / count) % cases.size()];
        if (checks_.done()) return;
        ChainSite site = make_chain_site(checks_.registry.ops, checks_.op, chain, c, dtype, i % 2 == 1);
        std::string refusal;
        KernelCase kernel = checks_.bind(*backend_, site.geometry, dtype, site.site(), refusal);
        if (!kernel.kernel.kernel && i % 2 == 1) {  // other settings than the default ones
          site = make_chain_site(checks_.registry.ops, checks_.op, chain, c, dtype);
          kernel = checks_.bind(*backend_, site.geometry, dtype, site.site(), refusal);
        }
        Subject subject{ops, name_, {}, dtype, c.label, shapes_of(site.site())};
        if (rewritten_ && !take_algebra(kernel, subject)) continue;
        if (!kernel.kernel.kernel) {
          checks_.check(Oracle::lockstep, subject,
                        [&] { return Outcome::skipped(name_ + " does not fuse: " + refusal); });
          continue;
        }
        subject.implementation = kernel.kernel.plan.implementation;
        const std::uint64_t seed = checks_.seed_of(c, 0);
        checks_.check(Oracle::poison, subject,
                      [&] { return check_poison(kernel, seed, checks_.options.execute); });
        checks_.check(Oracle::lockstep, subject, [&] { return lockstep(kernel, seed); });
        if (checks_.effort.enlarged) on_layouts(site.geometry, site.site(), subject, seed);
      }
    }
  }

  // One chain of a pattern where it is long: how it is shared and cut does not depend on what is fused.
  void on_enlarged_chain(const std::vector<std::string>& chain) {
    std::string ops = checks_.op.name;
    for (const std::string& next : chain) ops += "+" + next;
    for (const Case* base :
         largest(with_elements(checks_.op.cases), checks_.op.cases.size(), kBiasElements)) {
      const std::optional<Case> c =
          enlarged(checks_.registry.ops, checks_.op, *base, Axis::outermost, kSharedElements);
      if (!c) continue;
      const ChainSite site = make_chain_site(checks_.registry.ops, checks_.op, chain, *c, DType::f32);
      if (on_shared_work(site.geometry, site.site(), ops, Axis::outermost)) return;
    }
  }

  // Whether the kernel rewrites the algebra, which its case is then named after, too.
  static bool take_algebra(const KernelCase& kernel, Subject& subject) {
    if (!kernel.kernel.kernel || kernel.kernel.plan.accuracy.algebra.name.empty()) return false;
    subject.geometry += ", " + kernel.kernel.plan.accuracy.algebra.name;
    return true;
  }

  // Of one operand, the ends of the format: subnormal numbers, and such as overflow where they are squared.
  // Of several, numbers whose products are subnormal, unless one is a variance or a moment, by whose root is
  // divided: the order of multiplications is a kernel's own affair, and what a subnormal product has lost
  // grows with such a quotient.
  static void add_ends(const KernelCase& kernel, std::uint64_t seed, std::vector<Draw>& draws) {
    const bool f32 = kernel.dtype == DType::f32;
    const auto add = [&](int exponent) {
      draws.push_back({.fill = Fill::wide, .seed = seed, .exponent = exponent});
    };
    const std::vector<CaseInput>& inputs = kernel.geometry->inputs;
    if (inputs.size() > 1) {
      if (std::ranges::count(inputs, Domain::positive, &CaseInput::domain) == 0) add(f32 ? -65 : -525);
      return;
    }
    add(f32 ? -130 : -1050);
    add(f32 ? 115 : 1010);
  }

  // On every kind of data, the worst of them.
  Outcome lockstep(const KernelCase& kernel, std::uint64_t seed) const {
    std::vector<Draw> draws{{.seed = seed}, {.fill = Fill::zeros, .seed = seed}};
    if (checks_.effort.fills) {
      // Functions in pieces change at whole numbers; E draws those of polynomials.
      if (!kernel.op->polynomial) draws.push_back({.fill = Fill::integers, .seed = seed});
      if (kernel.kernel.site.ops.size() == 1) add_ends(kernel, seed, draws);
      draws.push_back({.fill = Fill::constant, .seed = seed});
      draws.push_back({.fill = Fill::wide, .seed = seed});
      // Exponentials of these overflow in f64 too, unless the largest is taken off first.
      draws.push_back({.fill = Fill::wide, .seed = seed + 1, .exponent = 4});
      draws.push_back({.seed = seed, .exponent = -9});
    }
    if (checks_.effort.extremes) {
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
    if (all.status == Status::passed) also_on_special_numbers(kernel, seed, all);
    return all;
  }

  // On NaNs, and on infinities and the other ends of the format.
  static void also_on_special_numbers(const KernelCase& kernel, std::uint64_t seed, Outcome& all) {
    if (!keeps_nans(kernel)) return;
    for (auto* const check : {check_nans, check_ends}) {
      Outcome one = check(kernel, seed);
      if (one.status == Status::failed) {
        all = std::move(one);
        return;
      }
      all.judged += one.judged;
    }
  }

  // What adds, multiplies and compares keeps a NaN. Activations need not: oneDNN's relu makes it 0.
  static bool keeps_nans(const KernelCase& kernel) {
    const OpDef& op = *kernel.op;
    return kernel.kernel.site.ops.size() == 1 && op.polynomial && !op.activation &&
           !op.name.ends_with("_grad");
  }

  Outcome repeat(const KernelCase& kernel, std::uint64_t seed) const {
    Outcome again = check_repeat(kernel, seed);
    if (again.status != Status::passed) return again;
    Outcome threads = on_threads(kernel, seed, thread_counts());
    if (threads.status != Status::passed) return threads;
    threads.judged += again.judged;
    threads.basis = fmt::format("{}; {}", again.basis, threads.basis);
    return threads;
  }

  // A few are enough of a backend that says that it does not use them.
  std::size_t thread_counts() const { return one_thread() ? kFewThreads : std::size(kThreadCounts); }

  // Whether the backend says that it runs on one thread, however many it is given.
  bool one_thread() const {
    const std::string most = threaded_.back()->description();
    return most == backend_->description() && most.find("1 thread") != std::string::npos;
  }

  // The same kernel on every number of threads, as far as the backend promises.
  Outcome on_threads(const KernelCase& kernel, std::uint64_t seed, std::size_t most) const {
    std::vector<BoundKernel> others;
    for (const auto& backend : threaded_) {
      if (others.size() == most) break;
      std::string refusal;
      others.push_back(bind_kernel(*backend, kernel.kernel.site, refusal));
      if (!others.back().kernel)
        return Outcome::failed("the same offer on any threads", "refused: " + refusal);
    }
    return checks_.registry.backends.at(name_).same_bits_on_any_threads
               ? check_threads(kernel, others, seed)
               : check_bounds_on_threads(kernel, others, seed);
  }

  OpChecks& checks_;
  const std::string& name_;
  const std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Backend>> threaded_;
  bool rewritten_ = false;
  std::map<Axis, std::set<std::string>> enlarged_kinds_;  // that have been judged
};

}  // namespace

void check_kernels(OpChecks& checks, const std::string& backend) {
  KernelChecks(checks, backend).run();
  for (const Fields& fields : checks.registry.backends.at(backend).rewriting)
    KernelChecks(checks, backend, fields).run_rewritten();
}

}  // namespace assay::verify
