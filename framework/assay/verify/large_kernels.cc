// Kernels on sizes that threads share, and that are cut into blocks: other code than that of an op's own
// cases, which are small enough to be judged in wide formats.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "assay/verify/enlarge.h"
#include "assay/verify/kernel_checks.h"

namespace assay::verify {
namespace {

class LargeKernels {
 public:
  explicit LargeKernels(KernelChecks& checks)
      : checks_(checks),
        op_(checks.op_checks),
        bases_(largest(with_elements(op_.op.cases), op_.op.cases.size(), kBiasElements)) {}

  void run() {
    if (checks_.rewritten) return on_rewritten();
    for (const Axis axis : {Axis::outermost, Axis::innermost}) on_every_rank(axis);
    if (op_.op.multiply_adds) {
      for (const Axis axis : {Axis::both, Axis::result}) on_every_rank(axis);
    }
    if (checks_.name == "reference") return;  // plain loops, one per op
    on_every_kind();
    on_long_axes();
    if (op_.op.multiply_adds && op_.op.polynomial) {
      on_products();
      on_many_filters();
    }
  }

 private:
  std::optional<Case> enlarge(const Case& base, Axis axis, std::int64_t elements) const {
    return enlarged(op_.registry.ops, op_.op, base, axis, elements);
  }

  // Of every rank the first geometry, from the largest down, that can be made so large that threads share the
  // work: batches of products are shared in another way than the rows of one, and rows of data in another
  // than a weight's. Of batches also the longest:
  // what is summed over rows has few of them in the largest geometries.
  void on_every_rank(Axis axis) {
    std::set<std::string> done;
    on_every_rank(axis, bases_, done);
    if (axis != Axis::outermost || !makes_one_number()) return;
    std::vector<const Case*> longest = bases_;
    std::ranges::stable_sort(longest, std::greater{}, [](const Case* c) {
      std::int64_t rows = 0;
      for (const CaseInput& input : c->inputs)
        rows = std::max(rows, input.shape.rank() == 0 ? 0 : input.shape[0]);
      return rows;
    });
    on_every_rank(axis, longest, done);
  }

  bool makes_one_number() const {
    return std::ranges::all_of(with_elements(op_.op.cases), [&](const Case* c) {
      const OpSite site = make_op_site(op_.registry.ops, op_.op, *c, DType::f32);
      return site.outputs.front().shape().rank() == 0;
    });
  }

  void on_every_rank(Axis axis, const std::vector<const Case*>& bases, std::set<std::string>& done) {
    std::set<std::pair<int, bool>> ranks;
    for (const Case* base : bases) {
      if (op_.done()) return;
      const std::optional<Case> c = enlarge(*base, axis, kSharedElements);
      if (!c) continue;
      const std::pair rank{c->inputs.front().shape.rank(), grows_in_data(*base, *c)};
      if (ranks.contains(rank)) continue;
      if (!done.contains(c->label) && !on_shared_work(*c, axis)) continue;
      ranks.insert(rank);
      done.insert(c->label);
      kinds_[axis].insert(kind_of(op_.op, *base));
    }
  }

  // Along every axis, on the first geometry where the backend rewrites its algebra.
  void on_rewritten() {
    for (const Axis axis : {Axis::outermost, Axis::innermost}) {
      for (const Case* base : bases_) {
        if (op_.done()) return;
        const std::optional<Case> c = enlarge(*base, axis, kTwoShares);
        if (!c || !grows_in_data(*base, *c)) continue;
        const auto judged = [&](DType dtype) {
          const OpSite site = make_op_site(op_.registry.ops, op_.op, *c, dtype);
          return check_shared_work(checks_, *c, site.site(), dtype, op_.op.name);
        };
        if (!judged(DType::f32)) continue;
        judged(DType::f64);
        break;
      }
    }
  }

  // Along the outermost axis in the backend's layouts, too, and once in f64; false where it refuses the case.
  bool on_shared_work(const Case& c, Axis axis) {
    const OpSite site = make_op_site(op_.registry.ops, op_.op, c, DType::f32);
    if (!check_shared_work(checks_, c, site.site(), DType::f32, op_.op.name)) return false;
    if (axis != Axis::outermost) return true;
    const Subject subject{op_.op.name, checks_.name, {}, DType::f32, c.label, shapes_of(site.site())};
    checks_.on_layouts(c, site.site(), subject, op_.options.seed);
    if (!std::exchange(wide_, true)) {
      const OpSite wide = make_op_site(op_.registry.ops, op_.op, c, DType::f64);
      check_shared_work(checks_, c, wide.site(), DType::f64, op_.op.name);
    }
    return true;
  }

  // Other code shares the work of other kinds of geometries: of each the largest, along every axis, on as
  // much as two threads share.
  void on_every_kind() {
    // Axes inside count where the op names some.
    const bool inside = std::ranges::any_of(
        op_.op.fields, [](const FieldDef& field) { return field.name == "axis" || field.name == "axes"; });
    for (const Axis axis : {Axis::outermost, Axis::middle, Axis::innermost, Axis::matrix}) {
      if ((axis == Axis::middle || axis == Axis::matrix) && !inside) continue;
      for (const Case* base : bases_) {
        if (op_.done()) return;
        const std::string kind = kind_of(op_.op, *base);
        if (!kinds_[axis].contains(kind) && on_kind(*base, axis)) kinds_[axis].insert(kind);
      }
    }
  }

  // Products of every kind in blocks of rows, columns and terms at once.
  void on_products() {
    for (const DType dtype : op_.options.dtypes) {
      std::set<std::string> done;
      for (const Case* base : bases_) {
        if (op_.done()) return;
        if (done.contains(kind_of(op_.op, *base)) || !takes_sums_of_columns(*base)) continue;
        const std::optional<Case> c = enlarge(*base, Axis::product, kProductExtent * kProductExtent);
        if (!c) continue;
        const bool judged = with_kernel(*c, dtype, [&](const KernelCase& kernel, const Subject& subject) {
          op_.check(Oracle::exact, subject, [&] { return check_contraction(kernel, op_.options.seed); });
        });
        if (judged) done.insert(kind_of(op_.op, *base));
      }
    }
  }

  // E on the geometry of the fewest products.
  void on_many_filters() {
    std::vector<Case> enlarged_cases;
    for (const Case* base : bases_) {
      if (auto c = enlarge(*base, Axis::filters, std::int64_t{1} << 20))
        enlarged_cases.push_back(std::move(*c));
    }
    std::ranges::stable_sort(enlarged_cases, {},
                             [&](const Case& c) { return multiply_adds_of(op_.registry.ops, op_.op, c); });
    for (const Case& c : enlarged_cases) {
      if (op_.done()) return;
      const bool judged = with_kernel(c, [&](const KernelCase& kernel, const Subject& subject) {
        op_.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, op_.options.seed); });
      });
      if (judged) return;
    }
  }

  // Whether the reference shows it.
  bool takes_sums_of_columns(const Case& c) const {
    const OpSite site = make_op_site(op_.registry.ops, op_.op, c, DType::f64);
    std::string refusal;
    const KernelCase kernel = op_.bind(*op_.reference, c, DType::f64, site.site(), refusal);
    return kernel.kernel.kernel && check_contraction(kernel, op_.options.seed).status == Status::passed;
  }

  // More of an axis than 16 bits count: a long row, many rows, and, where the op names axes, what lies behind
  // each. Of the geometries with the fewest other elements the first that the backend takes.
  void on_long_axes() {
    on_long(Axis::row, flattest_first(bases_), {});
    on_long(Axis::column, narrowest_first(bases_), {});
    std::set<std::string> axes;
    for (const Case* base : bases_) {
      if (const std::string named = axes_of(*base); !named.empty()) axes.insert(named);
    }
    for (const std::string& named : axes) {
      on_long(Axis::row, flattest_first(bases_), named);
      on_long(Axis::column, narrowest_first(bases_), named);
    }
  }

  // The axes that the case names; empty if none.
  std::string axes_of(const Case& c) const {
    for (const char* const name : {"axis", "axes"}) {
      const FieldValue* const value = c.fields.find(name);
      if (value != nullptr) return to_string(*value);
    }
    return "";
  }

  void on_long(Axis axis, const std::vector<const Case*>& bases, const std::string& axes) {
    for (const Case* base : bases) {
      if (!axes.empty() && axes_of(*base) != axes) continue;
      const std::optional<Case> c = enlarge(*base, axis, kLongRow);
      if (!c) continue;
      if (!done_.insert(c->label).second) return;
      // L's bound grows with the terms of a sum: of so many, where no height is declared, it is wide.
      const bool judged = with_kernel(*c, [&](const KernelCase& kernel, const Subject& subject) {
        const std::uint64_t seed = op_.options.seed;
        if (op_.op.polynomial)
          op_.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, seed); });
        op_.check(Oracle::lockstep, subject, [&] { return check_lockstep(kernel, {.seed = seed}); });
      });
      if (judged || op_.done()) return;
    }
  }

  // Whether the geometry can be enlarged, and the backend takes it.
  bool on_kind(const Case& base, Axis axis) {
    const std::optional<Case> c = enlarge(base, axis, kTwoShares);
    if (!c) return false;
    return with_kernel(*c, [&](const KernelCase& kernel, const Subject& subject) {
      const std::uint64_t seed = op_.options.seed;
      op_.check(Oracle::lockstep, subject, [&] { return check_lockstep(kernel, {.seed = seed}); });
      if (checks_.uses_threads() && checks_.same_bits_on_any_threads())
        on_threads(base, axis, kernel, subject);
    });
  }

  // Products and convolutions are shared by their multiply-adds: where `kernel` has few, one with as many as
  // all numbers of threads share is run.
  void on_threads(const Case& base, Axis axis, const KernelCase& kernel, const Subject& subject) {
    const std::uint64_t seed = op_.options.seed;
    if (!op_.op.multiply_adds) {
      op_.check(Oracle::repeat, subject, [&] { return checks_.on_threads(kernel, seed, kFewThreads); });
      return;
    }
    const double work = multiply_adds_of(op_.registry.ops, op_.op, *kernel.geometry);
    if (work >= kSharedWork || work == 0) {
      op_.check(Oracle::repeat, subject, [&] { return checks_.on_threads(kernel, seed); });
      return;
    }
    const auto times = static_cast<std::int64_t>(kSharedWork / work) + 1;
    const std::optional<Case> longer = enlarge(base, axis, times * kTwoShares);
    if (!longer) return;
    with_kernel(*longer, [&](const KernelCase& large, const Subject& its) {
      op_.check(Oracle::repeat, its, [&] { return checks_.on_threads(large, seed); });
    });
  }

  template <class Judge>
  bool with_kernel(const Case& c, Judge judge) {
    return with_kernel(c, DType::f32, judge);
  }
  template <class Judge>
  bool with_kernel(const Case& c, DType dtype, Judge judge) {
    const OpSite site = make_op_site(op_.registry.ops, op_.op, c, dtype);
    std::string refusal;
    const KernelCase kernel = checks_.bind(c, dtype, site.site(), refusal);
    if (!kernel.kernel.kernel) return false;
    judge(kernel, Subject{op_.op.name, checks_.name, kernel.kernel.plan.implementation, dtype, c.label,
                          shapes_of(site.site())});
    return true;
  }

  KernelChecks& checks_;
  OpChecks& op_;
  const std::vector<const Case*> bases_;
  bool wide_ = false;                            // whether f64 has been judged
  std::set<std::string> done_;                   // long axes that have been judged
  std::map<Axis, std::set<std::string>> kinds_;  // that have been judged
};

}  // namespace

bool check_shared_work(KernelChecks& checks, const Case& c, const Site& site, DType dtype,
                       const std::string& ops) {
  OpChecks& op = checks.op_checks;
  std::string refusal;
  const KernelCase kernel = checks.bind(c, dtype, site, refusal);
  if (!kernel.kernel.kernel) return false;
  const std::uint64_t seed = op.options.seed;
  Subject subject{ops, checks.name, kernel.kernel.plan.implementation, dtype, c.label, shapes_of(site)};
  if (!checks.takes(kernel, subject)) return false;
  if (site.ops.size() == 1) op.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, seed); });
  op.check(Oracle::poison, subject, [&] { return checks.poison_on_threads(kernel, seed); });
  // The numbers behind the bounds of f64 are quad's, which take a hundred times as long.
  if (dtype == DType::f32)
    op.check(Oracle::lockstep, subject, [&] { return lockstep_on_shared_work(kernel, seed); });
  if (checks.uses_threads())
    op.check(Oracle::repeat, subject, [&] { return checks.on_threads(kernel, seed); });
  return true;
}

void check_large_kernels(KernelChecks& checks) { LargeKernels(checks).run(); }

}  // namespace assay::verify
