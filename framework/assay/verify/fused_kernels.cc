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

// `other`: with other settings than the default ones, if the backend fuses them.
void on_geometry(KernelChecks& checks, const Chain& chain, const Case& c, DType dtype, bool other) {
  OpChecks& op = checks.op_checks;
  ChainSite site = make_chain_site(op.registry.ops, op.op, chain, c, dtype, {.other_settings = other});
  std::string refusal;
  KernelCase kernel = checks.bind(site.geometry, dtype, site.site(), refusal);
  if (!kernel.kernel.kernel && other) {
    site = make_chain_site(op.registry.ops, op.op, chain, c, dtype);
    kernel = checks.bind(site.geometry, dtype, site.site(), refusal);
  }
  Subject subject{checks.with(chain), checks.name, {}, dtype, c.label, shapes_of(site.site())};
  if (!checks.takes(kernel, subject)) return;
  if (!kernel.kernel.kernel) {
    op.check(Oracle::lockstep, subject,
             [&] { return Outcome::skipped(checks.name + " does not fuse: " + refusal); });
    return;
  }
  subject.implementation = kernel.kernel.plan.implementation;
  const std::uint64_t seed = op.seed_of(c, 0);
  op.check(Oracle::poison, subject, [&] { return check_poison(kernel, seed, op.options.execute); });
  op.check(Oracle::lockstep, subject, [&] { return lockstep_on_all_data(kernel, op.effort, seed); });
  if (op.effort.enlarged) checks.on_layouts(site.geometry, site.site(), subject, seed);
}

// Chains share the geometries between them: each begins at another one.
void on_chain(KernelChecks& checks, const Chain& chain, std::size_t offset, std::size_t share) {
  OpChecks& op = checks.op_checks;
  const std::size_t few = op.effort.fused_cases, all = op.cases.size();
  for (const DType dtype : op.options.dtypes) {
    // In f64, where the quad numbers take a hundred times as long, a few of its share.
    const bool whole_share = few > 1 && dtype == DType::f32;
    const std::size_t count = std::min(whole_share ? std::max(few, share) : few, all);
    for (std::size_t i = 0; i < count; ++i) {
      if (op.done()) return;
      on_geometry(checks, chain, *op.cases[(offset + i * all / count) % all], dtype, i % 2 == 1);
    }
  }
}

// Where it is long. How it is shared and cut does not depend on what is fused: `alike` other chains that have
// been judged so, it is held to its bound alone.
void on_large_chain(KernelChecks& checks, const Chain& chain, bool alike) {
  OpChecks& op = checks.op_checks;
  for (const Case* base : largest(with_elements(op.op.cases), op.op.cases.size(), kBiasElements)) {
    const std::optional<Case> c = enlarged(op.registry.ops, op.op, *base, Axis::outermost, kSharedElements);
    if (!c || !grows_in_data(*base, *c)) continue;
    const ChainSite site = make_chain_site(op.registry.ops, op.op, chain, *c, DType::f32);
    if (!alike) {
      if (check_shared_work(checks, site.geometry, site.site(), DType::f32, checks.with(chain))) return;
      continue;
    }
    std::string refusal;
    const KernelCase kernel = checks.bind(site.geometry, DType::f32, site.site(), refusal);
    if (!kernel.kernel.kernel) continue;
    op.check(Oracle::lockstep,
             {checks.with(chain), checks.name, kernel.kernel.plan.implementation, DType::f32, c->label,
              shapes_of(site.site())},
             [&] { return check_lockstep(kernel, {.seed = op.options.seed}); });
    return;
  }
}

// The value as another operand of the last op than it is fused as, and other settings of that op. What
// refuses them is right, and so has to be what takes them.
void on_variants(KernelChecks& checks, const Chain& chain) {
  OpChecks& op = checks.op_checks;
  const OpDef& behind = op.registry.ops.at(chain.back());
  std::vector<std::pair<std::string, ChainVariant>> variants;
  for (const std::size_t place : other_places(behind))
    variants.push_back({fmt::format(", as operand {}", place), {.place = place}});
  const Case first{"", behind.cases.front().inputs, behind.cases.front().fields};
  for (const Case& c : with_other_settings(op.registry.ops, behind, first))
    variants.push_back({c.label, {.settings = c.fields}});
  for (const Case* c : largest(with_elements(op.op.cases), 1, kPartElements)) {
    for (const auto& [what, variant] : variants) {
      const ChainSite site = make_chain_site(op.registry.ops, op.op, chain, *c, DType::f32, variant);
      std::string refusal;
      const KernelCase kernel = checks.bind(site.geometry, DType::f32, site.site(), refusal);
      if (!kernel.kernel.kernel) continue;
      op.check(Oracle::lockstep,
               {checks.with(chain), checks.name, kernel.kernel.plan.implementation, DType::f32,
                c->label + what, shapes_of(site.site())},
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
    // Between them they go through all geometries.
    const std::size_t share = (op.cases.size() + chains.size() - 1) / chains.size();
    for (std::size_t i = 0; i < chains.size(); ++i) {
      on_chain(checks, chains[i], i, share);
      on_variants(checks, chains[i]);
      if (op.effort.enlarged && !checks.rewritten) on_large_chain(checks, chains[i], i > 0);
    }
  }
}

}  // namespace assay::verify
