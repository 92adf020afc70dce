#include "assay/faults/measure.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "assay/faults/program_judge.h"
#include "assay/verify/selector.h"

namespace assay::faults {
namespace {

using verify::Oracle;

// What a fault there is judged by: a kernel by the checks of its backend; the reference by all of them, for
// every other check leans on it; a rule by those of rules.
verify::OpsOptions judging(const std::string& op, const std::string& backend, verify::Tier tier,
                           std::uint64_t seed) {
  verify::OpsOptions ops;
  ops.ops = {op};
  ops.tier = tier;
  ops.seed = seed;
  ops.jobs = 1;
  if (backend.empty()) {
    ops.backends = {"reference"};
    ops.oracles = {Oracle::dual, Oracle::difference, Oracle::taylor, Oracle::program};
  } else if (backend != "reference") {
    ops.backends = {backend};
    ops.oracles = {Oracle::exact,  Oracle::poison,      Oracle::lockstep, Oracle::bias,
                   Oracle::repeat, Oracle::metamorphic, Oracle::known};
  }
  return ops;
}

void note(Verdict& verdict, const verify::Report& report) {
  for (const verify::Check& check : report.checks()) {
    if (check.status == verify::Status::failed) {
      verdict.caught_by[static_cast<std::size_t>(check.oracle)] = true;
      if (verdict.finding.empty()) verdict.finding = check.id() + ": " + check.detail;
    } else if (check.oracle == Oracle::lockstep || check.oracle == Oracle::bias) {
      verdict.ratio = std::max(verdict.ratio, check.ratio);
    }
  }
}

// Beyond twice its bound, or found by an oracle that knows no bound: up to there a bound may hide a fault.
bool is_clear(const verify::Check& check) {
  return check.status == verify::Status::failed && !(check.oracle == Oracle::lockstep && check.ratio <= 2);
}

Verdict judge(const std::function<void(Registry&)>& fill, const Registry& right, const Fault& fault,
              const MeasureOptions& options) {
  Verdict verdict;
  verdict.fault = fault;
  if (fault.compile) {
    const ProgramVerdict judged = judge_programs(right, fault.backend, fault.compile, options.seed);
    note(verdict, judged.report);
    verdict.common = judged.comparison;
    return verdict;
  }
  Registry wrong;
  fill(wrong);
  fault.inject(wrong);
  for (const verify::Tier tier : {verify::Tier::smoke, verify::Tier::standard, verify::Tier::full}) {
    if (tier > options.tier || verdict.caught()) break;
    verdict.tier = tier;
    note(verdict, verify::verify_ops(wrong, judging(fault.op, fault.backend, tier, options.seed)));
  }
  verdict.common = compare_with_correct(right, wrong, fault);
  if (verdict.survived() && options.tier != verify::Tier::full) {
    const verify::Report full =
        verify::verify_ops(wrong, judging(fault.op, fault.backend, verify::Tier::full, options.seed));
    verdict.missed = std::ranges::any_of(full.checks(), is_clear);
  }
  return verdict;
}

// Correct code before the same checks.
verify::Report judge_correct(const Registry& right, const Fault& fault, const MeasureOptions& options) {
  return fault.compile
             ? judge_programs(right, fault.backend, verify::compile_as_usual, options.seed).report
             : verify::verify_ops(right, judging(fault.op, fault.backend, options.tier, options.seed));
}

// Calls work(0), ..., work(count − 1) on several threads.
void in_parallel(std::size_t count, int jobs, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!thrown) thrown = std::current_exception();
        next = count;
      }
    }
  };
  const unsigned threads =
      jobs > 0 ? static_cast<unsigned>(jobs) : std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::thread> workers;
  for (unsigned t = 1; t < threads; ++t) workers.emplace_back(run);
  run();
  for (std::thread& worker : workers) worker.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

bool Verdict::caught() const { return std::ranges::find(caught_by, true) != caught_by.end(); }

Measurement measure(const std::function<void(Registry&)>& fill, const MeasureOptions& options) {
  const verify::Selector selector(options.select);
  Registry right;
  fill(right);
  std::vector<Fault> faults = catalogue(right);
  std::erase_if(faults, [&](const Fault& fault) { return !selector.matches(fault.id()); });

  Measurement result;
  std::set<std::pair<std::string, std::string>> places;
  std::vector<const Fault*> correct;  // one of every place
  for (const Fault& fault : faults) {
    if (places.emplace(fault.op, fault.backend).second) correct.push_back(&fault);
  }
  result.verdicts.resize(faults.size());
  std::mutex mutex;
  std::size_t done = 0;
  in_parallel(correct.size() + faults.size(), options.jobs, [&](std::size_t i) {
    if (i < correct.size()) {
      const verify::Report report = judge_correct(right, *correct[i], options);
      const std::lock_guard lock(mutex);
      for (const verify::Check& check : report.checks()) {
        if (check.status == verify::Status::failed) result.false_alarms.push_back(check.id());
      }
      return;
    }
    const std::size_t f = i - correct.size();
    result.verdicts[f] = judge(fill, right, faults[f], options);
    const std::lock_guard lock(mutex);
    ++done;
    if (options.progress) options.progress(faults[f].id(), done, faults.size());
  });
  std::ranges::sort(result.false_alarms);
  return result;
}

}  // namespace assay::faults
