// Kernels of the backend's patterns that begin with the op.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "assay/verify/enlarge.h"
#include "assay/verify/kernel_checks.h"
#include "assay/verify/other_settings.h"

namespace assay::verify {
namespace {

using Chain = std::vector<std::string>;  // the ops behind the first one

// Every alternative of the ops behind the pattern's first one.
std::vector<Chain> chains_of(const Pattern& pattern) {
  std::vector<Chain> chains{{}};
  for (std::size_t s = 1; s < pattern.steps.size(); ++s) {
    std::vector<Chain> longer;
    for (const Chain& chain : chains) {
      for (const std::string& next : pattern.steps[s]) {
        longer.push_back(chain);
        longer.back().push_back(next);
      }
    }
    chains = std::move(longer);
  }
  return chains;
}

// The geometries of a chain: those of the op, or of the one behind where that has a say in the shapes.
class ChainCases {
 public:
  ChainCases(const OpChecks& op, const Chain& chain)
      : behind_(op.registry.ops.at(chain.back())),
        by_last_(chain.size() == 1 && shapes_the_chain(op.registry.ops, op.op, behind_)),
        first_(op.op),
        selected_(by_last_ ? with_elements(behind_.cases) : op.cases),
        all_(with_elements(by_last_ ? behind_.cases : op.op.cases)) {}

  std::size_t size() const { return selected_.size(); }
  ChainCase operator[](std::size_t i) const { return of(*selected_[i]); }
  std::uint64_t seed_of(std::size_t i, const OpChecks& op) const {
    return op.options.seed + static_cast<std::uint64_t>(selected_[i] - shaping().cases.data());
  }

  /// The op whose cases they are.
  const OpDef& shaping() const { return by_last_ ? behind_ : first_; }
  /// All with elements, of that op.
  const std::vector<const Case*>& all() const { return all_; }
  /// The chain for a case of that op, which has to live as long.
  ChainCase of(const Case& c) const { return by_last_ ? chain_case(first_, behind_, c) : ChainCase{c}; }

 private:
  const OpDef& behind_;
  bool by_last_;
  const OpDef& first_;
  std::vector<const Case*> selected_, all_;
};

// `other`: with other settings than the default ones, if the backend fuses them.
void on_geometry(KernelChecks& checks, const Chain& chain, const ChainCase& c, std::uint64_t seed,
                 DType dtype, bool other) {
  OpChecks& op = checks.op_checks;
  ChainSite site = make_chain_site(op.registry.ops, op.op, chain, c.first, dtype,
                                   {.other_settings = other, .last = c.last});
  std::string refusal;
  KernelCase kernel = checks.bind(site.geometry, dtype, site.site(), refusal);
  if (!kernel.kernel.kernel && other) {
    site = make_chain_site(op.registry.ops, op.op, chain, c.first, dtype, {.last = c.last});
    kernel = checks.bind(site.geometry, dtype, site.site(), refusal);
  }
  Subject subject{checks.with(chain), checks.name, {}, dtype, c.first.label, shapes_of(site.site())};
  if (!checks.takes(kernel, subject)) return;
  if (kernel.kernel.kernel) {
    subject.implementation = kernel.kernel.plan.implementation;
    op.check(Oracle::poison, subject, [&] { return check_poison(kernel, seed, op.options.execute); });
    op.check(Oracle::lockstep, subject, [&] { return lockstep_on_all_data(kernel, op.effort, seed); });
  } else {
    op.check(Oracle::lockstep, subject,
             [&] { return Outcome::skipped(checks.name + " does not fuse: " + refusal); });
  }
  // Which it may fuse all the same.
  if (op.effort.enlarged) checks.on_layouts(site.geometry, site.site(), subject, seed);
}

// Chains share the geometries between them: each begins at another one.
void on_chain(KernelChecks& checks, const Chain& chain, const ChainCases& cases, std::size_t offset,
              std::size_t chains) {
  OpChecks& op = checks.op_checks;
  const std::size_t few = op.effort.fused_cases, all = cases.size();
  const std::size_t share = (all + chains - 1) / chains;
  for (const DType dtype : op.options.dtypes) {
    // In f64, where the quad numbers take a hundred times as long, a few of its share.
    const bool whole_share = few > 1 && dtype == DType::f32;
    const std::size_t count = std::min(whole_share ? std::max(few, share) : few, all);
    for (std::size_t i = 0; i < count; ++i) {
      if (op.done()) return;
      const std::size_t at = (offset + i * all / count) % all;
      on_geometry(checks, chain, cases[at], cases.seed_of(at, op), dtype, i % 2 == 1);
    }
  }
}

// Where it is long. How it is shared and cut does not depend on what is fused: `alike` other chains that have
// been judged so, it is held to its bound alone.
void on_large_chain(KernelChecks& checks, const Chain& chain, const ChainCases& cases, bool alike) {
  OpChecks& op = checks.op_checks;
  std::string refusal = "no geometry can be enlarged";
  for (const Case* base : largest(cases.all(), cases.all().size(), kBiasElements)) {
    const std::optional<Case> c =
        enlarged(op.registry.ops, cases.shaping(), *base, Axis::outermost, kSharedElements);
    if (!c || !grows_in_data(*base, *c)) continue;
    const ChainCase large = cases.of(*c);
    ChainSite chained =
        make_chain_site(op.registry.ops, op.op, chain, large.first, DType::f32, {.last = large.last});
    Site site = chained.site();
    KernelCase kernel = checks.bind(chained.geometry, DType::f32, site, refusal);
    if (!kernel.kernel.kernel) {
      // Canonical it does not fuse them.
      const std::optional<Site> laid = checks.as_convolutions_leave_it(site);
      if (!laid) continue;
      site = *laid;
      chained.geometry.label += kAsConvolutionsLeaveIt;
      kernel = checks.bind(chained.geometry, DType::f32, site, refusal);
    }
    if (!kernel.kernel.kernel) continue;
    if (!alike) {
      check_shared_work(checks, chained.geometry, site, DType::f32, checks.with(chain));
      return;
    }
    op.check(Oracle::lockstep,
             {checks.with(chain), checks.name, kernel.kernel.plan.implementation, DType::f32,
              chained.geometry.label, shapes_of(site)},
             [&] { return check_lockstep(kernel, {.seed = op.options.seed}); });
    return;
  }
  op.check(Oracle::lockstep, {checks.with(chain), checks.name, {}, DType::f32, "long", {}},
           [&] { return Outcome::skipped(checks.name + " does not fuse where it is long: " + refusal); });
}

// The value as another operand of the last op than it is fused as, and other settings of that op. What
// refuses them is right, and so has to be what takes them.
void on_variants(KernelChecks& checks, const Chain& chain, const ChainCases& cases) {
  OpChecks& op = checks.op_checks;
  const OpDef& behind = op.registry.ops.at(chain.back());
  std::vector<std::pair<std::string, ChainVariant>> variants;
  for (const std::size_t place : other_places(behind))
    variants.push_back({fmt::format(", as operand {}", place), {.place = place}});
  const Case first{"", behind.cases.front().inputs, behind.cases.front().fields};
  for (const Case& c : with_other_settings(op.registry.ops, behind, first))
    variants.push_back({c.label, {.settings = c.fields}});
  for (const Case* base : largest(cases.all(), 1, kPartElements)) {
    const ChainCase c = cases.of(*base);
    for (auto& [what, variant] : variants) {
      variant.last = c.last;
      const ChainSite site = make_chain_site(op.registry.ops, op.op, chain, c.first, DType::f32, variant);
      std::string refusal;
      const KernelCase kernel = checks.bind(site.geometry, DType::f32, site.site(), refusal);
      if (!kernel.kernel.kernel) continue;
      op.check(Oracle::lockstep,
               {checks.with(chain), checks.name, kernel.kernel.plan.implementation, DType::f32,
                c.first.label + what, shapes_of(site.site())},
               [&] { return check_lockstep(kernel, {.seed = op.options.seed}); });
    }
  }
}

}  // namespace

void check_fused_kernels(KernelChecks& checks) {
  const OpChecks& op = checks.op_checks;
  for (const Pattern& pattern : checks.backend->patterns()) {
    if (std::ranges::find(pattern.steps.front(), op.op.name) == pattern.steps.front().end()) continue;
    const std::vector<Chain> chains = chains_of(pattern);
    for (std::size_t i = 0; i < chains.size(); ++i) {
      // Between them they go through all geometries.
      const ChainCases cases(op, chains[i]);
      on_chain(checks, chains[i], cases, i, chains.size());
      on_variants(checks, chains[i], cases);
      if (op.effort.enlarged && !checks.rewritten) on_large_chain(checks, chains[i], cases, i > 0);
    }
  }
}

}  // namespace assay::verify
