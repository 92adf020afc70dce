#include "assay/verify/kernel_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/program/place.h"
#include "assay/verify/known_values.h"
#include "assay/verify/layouts.h"
#include "assay/verify/other_settings.h"

namespace assay::verify {
namespace {

// Most elements of the inputs together for oracles that run a kernel many times: S in f64, and R. (S in f32:
// kBiasElements.)
constexpr std::int64_t kWideBiasElements = 300, kRepeatElements = 200000;

void on_every_seed(const KernelChecks& checks, const KernelCase& kernel, const Subject& subject) {
  OpChecks& op = checks.op_checks;
  for (int round = 0; round < op.effort.seeds; ++round) {
    const std::uint64_t seed = op.seed_of(*kernel.geometry, round);
    op.check(Oracle::exact, subject, [&] { return check_exact(kernel, seed); });
    op.check(Oracle::poison, subject, [&] { return check_poison(kernel, seed, op.options.execute); });
    op.check(Oracle::lockstep, subject, [&] { return lockstep_on_all_data(kernel, op.effort, seed); });
    op.check(Oracle::metamorphic, subject, [&] { return check_scaling(kernel, seed); });
  }
}

void on_geometries(KernelChecks& checks, DType dtype) {
  OpChecks& op = checks.op_checks;
  const Effort& effort = op.effort;
  auto repeated = largest(op.cases, effort.repeats, kRepeatElements);
  if (const Case* const least = smallest(op.cases)) repeated.push_back(least);
  const auto biased = dtype == DType::f32 ? largest(op.cases, effort.bias_cases, kBiasElements)
                                          : largest(op.cases, effort.wide_bias_cases, kWideBiasElements);
  for (const Case* c : op.cases) {
    if (op.done()) return;
    const OpSite site = make_op_site(op.registry.ops, op.op, *c, dtype);
    Subject subject{op.op.name, checks.name, {}, dtype, c->label, shapes_of(site.site())};
    std::string refusal;
    const KernelCase kernel = checks.bind(*c, dtype, site.site(), refusal);
    if (!checks.takes(kernel, subject)) continue;
    if (!kernel.kernel.kernel) {
      op.check(Oracle::lockstep, subject, [&] {
        if (refusal.empty()) return Outcome::failed("a refusal names its reason", "refused without a reason");
        return Outcome::skipped(checks.name + ": " + refusal);
      });
      continue;
    }
    subject.implementation = kernel.kernel.plan.implementation;
    on_every_seed(checks, kernel, subject);
    if (effort.enlarged) checks.on_layouts(*c, site.site(), subject, op.seed_of(*c, 0));
    if (std::ranges::find(biased, c) != biased.end()) {
      const int rounds = dtype == DType::f32 ? effort.seeds : 1;
      for (int round = 0; round < rounds; ++round)
        op.check(Oracle::bias, subject, [&] { return check_bias(kernel, op.seed_of(*c, round)); });
    }
    if (std::ranges::find(repeated, c) != repeated.end())
      op.check(Oracle::repeat, subject, [&] { return checks.repeat(kernel, op.seed_of(*c, 0)); });
  }
}

void on_other_settings(const KernelChecks& checks, DType dtype) {
  OpChecks& op = checks.op_checks;
  for (const Case* base : largest(with_elements(op.op.cases), 1, kPartElements)) {
    for (const Case& c : with_other_settings(op.registry.ops, op.op, *base)) {
      const OpSite site = make_op_site(op.registry.ops, op.op, c, dtype);
      std::string refusal;
      const KernelCase kernel = checks.bind(c, dtype, site.site(), refusal);
      Subject subject{op.op.name, checks.name, {}, dtype, c.label, shapes_of(site.site())};
      if (!kernel.kernel.kernel) continue;
      subject.implementation = kernel.kernel.plan.implementation;
      op.check(Oracle::lockstep, subject, [&] { return check_lockstep(kernel, {.seed = op.seed_of(c, 0)}); });
    }
  }
}

void on_known_values(const KernelChecks& checks) {
  OpChecks& op = checks.op_checks;
  int number = 0;
  for (const KnownValue& known : known_values()) {
    if (known.op != op.op.name) continue;
    ++number;
    for (const DType dtype : op.options.dtypes) {
      op.check(Oracle::known, {op.op.name, checks.name, {}, dtype, fmt::format("known value {}", number), {}},
               [&] { return check_known(op.registry, *op.reference, *checks.backend, known, dtype); });
    }
  }
}

}  // namespace

KernelChecks::KernelChecks(OpChecks& op, const std::string& chosen, const Fields& fields, bool algebra)
    : op_checks(op),
      name(chosen),
      backend(op.registry.create_backend(chosen, fields, 1)),
      rewritten(algebra) {
  if (!op.registry.backends.at(chosen).threaded) return;
  for (const int threads : kThreadCounts)
    threaded_.push_back(op.registry.create_backend(chosen, fields, threads));
}

std::string KernelChecks::with(const std::vector<std::string>& chain) const {
  std::string ops = op_checks.op.name;
  for (const std::string& next : chain) ops += "+" + next;
  return ops;
}

bool KernelChecks::takes(const KernelCase& kernel, Subject& subject) const {
  if (!rewritten) return true;
  if (!kernel.kernel.kernel || kernel.kernel.plan.accuracy.algebra.name.empty()) return false;
  subject.geometry += ", " + kernel.kernel.plan.accuracy.algebra.name;
  return true;
}

std::optional<Site> KernelChecks::as_convolutions_leave_it(const Site& canonical) const {
  const std::optional<Site> site = verify::as_convolutions_leave_it(op_checks.registry, *backend, canonical);
  // A backend learns a layout when it lays something so.
  for (const auto& shares : threaded_) {
    const auto other = verify::as_convolutions_leave_it(op_checks.registry, *shares, canonical);
    const auto alike = [](const Port& a, const Port& b) { return a.layout == b.layout; };
    if (!site || !other || !std::ranges::equal(site->inputs, other->inputs, alike)) return std::nullopt;
  }
  return site;
}

void KernelChecks::on_layouts(const Case& c, const Site& canonical, const Subject& subject,
                              std::uint64_t seed) {
  if (rewritten || canonical.inputs.empty() || canonical.input(0).dtype != DType::f32) return;
  if (const auto site = verify::as_convolutions_leave_it(op_checks.registry, *backend, canonical))
    on_layout(c, *site, kAsConvolutionsLeaveIt, subject, seed);
  if (const auto site = as_first_layers_leave_it(op_checks.registry, *backend, canonical))
    on_layout(c, *site, ", as the weight of a first layer lies", subject, seed);
}

void KernelChecks::on_layout(const Case& c, const Site& site, std::string_view how, Subject subject,
                             std::uint64_t seed) {
  std::string refusal;
  const KernelCase kernel = bind(c, DType::f32, site, refusal);
  if (!kernel.kernel.kernel) return;
  subject.geometry += how;
  subject.implementation = kernel.kernel.plan.implementation;
  if (site.ops.size() == 1)
    op_checks.check(Oracle::exact, subject, [&] { return check_exact_once(kernel, seed); });
  op_checks.check(Oracle::poison, subject,
                  [&] { return check_poison(kernel, seed, op_checks.options.execute); });
  op_checks.check(Oracle::lockstep, subject, [&] { return lockstep_in_layout(kernel, seed); });
}

bool KernelChecks::same_bits_on_any_threads() const {
  return op_checks.registry.backends.at(name).same_bits_on_any_threads;
}

Outcome KernelChecks::repeat(const KernelCase& kernel, std::uint64_t seed) const {
  Outcome all = check_repeat(kernel, seed);
  if (all.status != Status::passed || !uses_threads()) return all;
  Outcome threads = on_threads(kernel, seed);
  if (threads.status == Status::passed) all.basis += "; " + threads.basis;
  all.add(std::move(threads));
  return all;
}

Outcome KernelChecks::poison_on_threads(const KernelCase& kernel, std::uint64_t seed) const {
  std::string refusal;
  const Backend& shares = uses_threads() ? *threaded_[kFewThreads - 1] : *backend;
  const KernelCase shared{kernel.registry, kernel.reference,
                          kernel.op,       kernel.geometry,
                          kernel.dtype,    bind_kernel(shares, kernel.kernel.site, refusal)};
  if (!shared.kernel.kernel) return Outcome::failed("the same offer on any threads", "refused: " + refusal);
  // The first run may start the threads of a pool, which `execute` need not see.
  if (uses_threads()) (void)run(shared.kernel, make_inputs(*shared.geometry, shared.dtype, {.seed = seed}));
  return check_poison(shared, seed, op_checks.options.execute);
}

Outcome KernelChecks::on_threads(const KernelCase& kernel, std::uint64_t seed, std::size_t most) const {
  std::vector<BoundKernel> others;
  for (std::size_t i = 0; i < std::min(most, threaded_.size()); ++i) {
    std::string refusal;
    others.push_back(bind_kernel(*threaded_[i], kernel.kernel.site, refusal));
    if (!others.back().kernel) return Outcome::failed("the same offer on any threads", "refused: " + refusal);
  }
  return same_bits_on_any_threads() ? check_threads(kernel, others, seed)
                                    : check_bounds_on_threads(kernel, others, seed);
}

void check_kernels(OpChecks& op, const std::string& backend) {
  KernelChecks checks(op, backend, {}, false);
  for (const DType dtype : op.options.dtypes) {
    on_geometries(checks, dtype);
    on_other_settings(checks, dtype);
  }
  if (op.effort.enlarged) check_large_kernels(checks);
  check_fused_kernels(checks);
  check_integers(checks);
  on_known_values(checks);
  for (const Fields& fields : op.registry.backends.at(backend).rewriting) {
    KernelChecks rewritten(op, backend, fields, true);
    for (const DType dtype : op.options.dtypes) on_geometries(rewritten, dtype);
    if (op.effort.enlarged) check_large_kernels(rewritten);
    check_fused_kernels(rewritten);
  }
}

}  // namespace assay::verify
