#include "assay/verify/contracts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "assay/core/error.h"
#include "assay/verify/crash.h"
#include "assay/verify/function_sweep.h"
#include "assay/verify/selector.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// Arguments of one part: enough to make the binding of kernels cheap, few enough to share out.
constexpr std::uint64_t kPart = std::uint64_t{1} << 21;

// A function in one dtype, on all backends.
struct Sweep {
  SweptFunction function;
  DType dtype = DType::f32;
  std::vector<std::string> backends;
  std::vector<FunctionError> rows;  // one per backend
};

struct Part {
  std::size_t sweep = 0;
  std::uint64_t begin = 0, end = 0;
};

// Backends of one thread; kernels are bound anew for each part.
using Backends = std::map<std::string, std::unique_ptr<Backend>, std::less<>>;

class ContractVerification {
 public:
  ContractVerification(const Registry& registry, const ContractOptions& options)
      : registry_(registry),
        options_(options),
        jobs_(options.jobs > 0 ? options.jobs
                               : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))),
        arguments_{FloatArguments(options.stride), DoubleArguments(options.significands)} {
    plan();
  }

  ContractReport run() {
    if (options_.announce && !sweeps_.empty()) options_.announce(estimate(), jobs_);
    std::vector<std::thread> workers;
    for (int j = 1; j < jobs_; ++j) workers.emplace_back([this] { work(); });
    work();
    for (std::thread& worker : workers) worker.join();
    if (thrown_) std::rethrow_exception(thrown_);
    ContractReport report;
    for (Sweep& sweep : sweeps_) {
      for (FunctionError& row : sweep.rows) {
        finish(row);
        report.checks.add(check_of(row));
        report.rows.push_back(std::move(row));
      }
    }
    return report;
  }

 private:
  void plan() {
    const Selector selector(options_.select);
    const std::vector<std::string> backends =
        options_.backends.empty() ? registry_.backends.names() : options_.backends;
    for (const std::string& backend : backends) (void)registry_.backends.at(backend);
    for (const SweptFunction& function : functions_of(registry_, options_.ops)) {
      for (const DType dtype : options_.dtypes) {
        Sweep sweep{function, dtype, {}, {}};
        for (const std::string& backend : backends) {
          FunctionError row;
          row.subject = {function.op->name, backend, {}, dtype, function.fields.to_string(), {}};
          if (!selector.matches(check_of(row).id())) continue;
          sweep.backends.push_back(backend);
          sweep.rows.push_back(std::move(row));
        }
        if (sweep.rows.empty()) continue;
        const std::uint64_t count = arguments_.count(dtype);
        for (std::uint64_t begin = 0; begin < count; begin += kPart)
          parts_.push_back({sweeps_.size(), begin, std::min(begin + kPart, count)});
        sweeps_.push_back(std::move(sweep));
      }
    }
  }

  // Processor time of everything, from one block of each sweep.
  double estimate() {
    using Clock = std::chrono::steady_clock;
    double seconds = 0.0;
    Backends backends;
    for (std::size_t s = 0; s < sweeps_.size(); ++s) {
      const std::uint64_t count = arguments_.count(sweeps_[s].dtype);
      const std::uint64_t block = std::min<std::uint64_t>(kSweepBlock, count);
      const auto started = Clock::now();
      (void)judge({s, 0, block}, backends);
      seconds += std::chrono::duration<double>(Clock::now() - started).count() * static_cast<double>(count) /
                 static_cast<double>(block);
    }
    return seconds;
  }

  void work() {
    Backends backends;
    for (std::size_t i = next_++; i < parts_.size() && !stop_; i = next_++) {
      try {
        std::vector<FunctionError> rows = judge(parts_[i], backends);
        const std::lock_guard lock(mutex_);
        Sweep& sweep = sweeps_[parts_[i].sweep];
        for (std::size_t b = 0; b < rows.size(); ++b) merge(sweep.rows[b], std::move(rows[b]));
        if (options_.progress) options_.progress(sweep.function.op->name, ++done_, parts_.size());
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!thrown_) thrown_ = std::current_exception();
        stop_ = true;
      }
    }
  }

  std::vector<FunctionError> judge(const Part& part, Backends& made) {
    const Sweep& sweep = sweeps_[part.sweep];
    const auto backend_of = [&](const std::string& name) -> const Backend& {
      std::unique_ptr<Backend>& backend = made[name];
      if (!backend) backend = registry_.create_backend(name, {}, 1);
      return *backend;
    };
    std::vector<const Backend*> backends;
    for (const std::string& name : sweep.backends) backends.push_back(&backend_of(name));
    std::vector<FunctionError> rows;
    for (const FunctionError& row : sweep.rows) {
      rows.emplace_back();
      rows.back().subject = row.subject;
    }
    const Judging judging(fmt::format("C {} {} {}", sweep.function.op->name, fmt::join(sweep.backends, ", "),
                                      name_of(sweep.dtype)));
    sweep_function(registry_, sweep.function, sweep.dtype, arguments_, part.begin, part.end,
                   backend_of("reference"), backends, rows);
    return rows;
  }

  // Sums stay sums of errors until finish().
  static void merge(FunctionError& all, FunctionError part) {
    const std::int64_t judged = all.judged + part.judged, lost = all.lost_nans + part.lost_nans;
    const double sum = all.mean_ulp + part.mean_ulp, signed_sum = all.mean_signed_ulp + part.mean_signed_ulp;
    const double ratio = std::max(all.ratio, part.ratio), supremum = std::max(all.supremum, part.supremum);
    const bool holds = all.holds && part.holds;
    std::string finding = all.finding.empty() ? part.finding : all.finding;
    if (part.ratio > all.ratio && !part.finding.empty()) finding = part.finding;
    if (all.judged == 0 || part.max_ulp > all.max_ulp) all = std::move(part);
    all.judged = judged;
    all.lost_nans = lost;
    all.mean_ulp = sum;
    all.mean_signed_ulp = signed_sum;
    all.ratio = ratio;
    all.supremum = supremum;
    all.holds = holds;
    all.finding = std::move(finding);
  }

  static void finish(FunctionError& row) {
    if (row.judged == 0) return;
    row.mean_ulp /= static_cast<double>(row.judged);
    row.mean_signed_ulp /= static_cast<double>(row.judged);
  }

  Check check_of(const FunctionError& row) const {
    Check check;
    check.oracle = Oracle::contract;
    check.subject = row.subject;
    if (!row.refusal.empty()) {
      check.status = Status::skipped;
      check.detail = row.subject.backend + ": " + row.refusal;
      return check;
    }
    check.basis = contract_text(row.declared);
    check.ratio = row.ratio;
    check.judged = row.judged;
    check.detail = row.finding;
    const std::string breach = breach_of(row.declared, row.subject.dtype, row.supremum);
    if (row.holds && row.judged > 0 && breach.empty()) return check;
    check.status = Status::failed;
    if (!breach.empty()) check.detail += (check.detail.empty() ? "" : "\n  ") + breach;
    if (row.judged == 0) check.detail = "no argument of the sweep is in the function's domain";
    check.reproduce = fmt::format("{}{} -k '={}'", options_.command,
                                  options_.stride == 1 ? " --exhaustive" : "", check.id());
    return check;
  }

  const Registry& registry_;
  const ContractOptions& options_;
  const int jobs_;
  const SweepArguments arguments_;
  std::vector<Sweep> sweeps_;
  std::vector<Part> parts_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::exception_ptr thrown_;
};

}  // namespace

ContractReport verify_contracts(const Registry& registry, const ContractOptions& options) {
  return ContractVerification(registry, options).run();
}

std::string breach_of(const Accuracy& declared, DType dtype, double supremum) {
  if (declared.ulp > kContractUlp)
    return fmt::format("{} ulp are declared, but a function is offered with {} at most", declared.ulp,
                       kContractUlp);
  const double unit = dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
  if (declared.absolute > unit * supremum) {
    return fmt::format(
        "{:.3g} is declared, but a function is offered with a unit roundoff of sup|f| at most, {:.3g} here",
        declared.absolute, unit * supremum);
  }
  return "";
}

std::string contract_text(const Accuracy& declared) {
  if (declared.ulp == 0.0 && declared.absolute == 0.0) return "running error bound of the formula";
  if (declared.absolute == 0.0) return fmt::format("{} ulp by contract", declared.ulp);
  return fmt::format("{} ulp or {:.3g} by contract", declared.ulp, declared.absolute);
}

std::string bits_of(double x, DType dtype) {
  if (dtype == DType::f32)
    return fmt::format("{:#010x}", std::bit_cast<std::uint32_t>(static_cast<float>(x)));
  return fmt::format("{:#018x}", std::bit_cast<std::uint64_t>(x));
}

}  // namespace assay::verify
