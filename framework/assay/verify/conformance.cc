#include "assay/verify/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "assay/core/error.h"
#include "assay/verify/op_checks.h"
#include "assay/verify/selector.h"

namespace assay::verify {
namespace {

Report verify_op(const Registry& registry, const OpsOptions& options, const Selector& selector,
                 const std::vector<std::string>& backends, const OpDef& op) {
  OpChecks checks(registry, options, selector, op);
  // An op that does not take its own geometries is judged no further.
  const bool fits = checks.attempt({op.name, {}, {}, DType::f64, "definition"}, [&] {
    for (const Case* c : checks.cases) make_op_site(registry.ops, op, *c, DType::f64);
  });
  if (!fits) return std::move(checks.report);
  for (const std::string& backend : backends) {
    if (op.view) break;  // no kernel runs
    checks.attempt({op.name, backend, {}, DType::f64, "definition"}, [&] { check_kernels(checks, backend); });
  }
  checks.attempt({op.name, {}, {}, DType::f64, "definition"}, [&] { check_rules(checks); });
  checks.attempt({op.name, "reference", {}, DType::f64, "definition"}, [&] { check_inputs(checks); });
  return std::move(checks.report);
}

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
    if (options.ops.empty()) ops.push_back(&entry.value);
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
        reports[i] = verify_op(registry, options, selector, backends, *ops[i]);
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
