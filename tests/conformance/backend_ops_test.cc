// Every op that a backend offers, on every registered geometry, in f32 and f64 and on every instruction set:
// exact on small integers where the op is a polynomial, within a running error bound of the reference in quad
// elsewhere. One test per backend, instruction set and op.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>

#include "assay/core/isa.h"
#include "assay/core/quad.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"
#include "conformance/allocation_count.h"
#include "conformance/op_run.h"
#include "conformance/running_error.h"

namespace assay::conformance {
namespace {

const Registry& builtin() {
  static const std::unique_ptr<Registry> registry = [] {
    auto made = std::make_unique<Registry>();
    register_builtin(*made);
    return made;
  }();
  return *registry;
}

const Backend& reference() {
  static const std::unique_ptr<Backend> backend = builtin().create_backend("reference", {}, 1);
  return *backend;
}

std::string place(const Spec& spec, std::int64_t index) {
  return fmt::format("{} element {}", spec.to_string(), index);
}

// "" or the first element that differs. NaN equals nothing.
std::string first_difference(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  for (std::size_t o = 0; o < got.size(); ++o) {
    for (std::int64_t i = 0; i < got[o].count(); ++i) {
      const double a = element(got[o].view(), i), b = element(want[o].view(), i);
      if (!(a == b)) return fmt::format("output {} {}: got {}, want {}", o, place(got[o].spec(), i), a, b);
    }
  }
  return "";
}

std::vector<Tensor> run_reference(const OpSite& op, const std::vector<Tensor>& inputs) {
  const Site site = op.site();
  Offer offer = reference().offer(site);
  if (std::holds_alternative<Refusal>(offer)) return {};
  return run_plan(reference(), std::get<Plan>(offer), site, inputs).outputs;
}

// What was checked on one case, and what was found.
struct Verdict {
  bool exact = false;
  bool bounded = false;
  std::string finding;
};

class OpConformance {
 public:
  OpConformance(const Backend& backend, const OpDef& op) : backend_(backend), op_(op) {}

  // Nothing where the backend refuses the case, which it must do with a reason.
  std::optional<Verdict> check(const Case& c, DType dtype, std::uint64_t seed) const {
    const OpSite op = make_op_site(builtin().ops, op_, c, dtype);
    const Site site = op.site();
    const Offer offer = backend_.offer(site);
    if (const auto* refusal = std::get_if<Refusal>(&offer)) {
      EXPECT_NE(refusal->reason, "") << c.label;
      return std::nullopt;
    }
    const Plan& plan = std::get<Plan>(offer);
    Verdict verdict;
    if (op_.polynomial) {
      for (const std::int64_t scale : {std::int64_t{1}, reduced_elements(site), kDivisible}) {
        if (verdict.exact || !verdict.finding.empty()) break;
        check_exactly(c, plan, site, op, dtype, scale, seed, verdict);
      }
    }
    if (verdict.finding.empty()) check_bound(c, plan, site, op, dtype, seed, verdict);
    return verdict;
  }

 private:
  // Divisible by every number up to 12, for averages over small windows.
  static constexpr std::int64_t kDivisible = 27720;

  static std::int64_t reduced_elements(const Site& site) {
    return site.output().count() == 0
               ? 1
               : std::max<std::int64_t>(1, site.input(0).count() / site.output().count());
  }

  // What a run did besides computing.
  std::string misconduct(const RunResult& result) const {
    if (!result.findings.empty()) return result.findings.front();
    // oneDNN's execute() may allocate, where nothing of ours does.
    if (result.allocations == 0 || backend_.name() == "onednn") return "";
    return fmt::format("allocated {} times in one run", result.allocations);
  }

  // Against the lattice. Only data on which the reference in this dtype is exact can ask that of a backend.
  void check_exactly(const Case& c, const Plan& plan, const Site& site, const OpSite& op, DType dtype,
                     std::int64_t scale, std::uint64_t seed, Verdict& verdict) const {
    if (!plan.accuracy.algebra.empty()) return;
    const std::vector<Tensor> inputs = make_inputs(c, dtype, Data::integers, scale, seed);
    std::vector<Tensor> exact = run_reference(make_op_site(builtin().ops, op_, c, DType::lattice),
                                              convert_all(inputs, DType::lattice));
    const bool applies = !exact.empty() && first_difference(exact, exact).empty() &&
                         first_difference(run_reference(op, inputs), exact).empty();
    if (!applies) return;
    const RunResult result = run_plan(backend_, plan, site, inputs);
    verdict.finding = misconduct(result);
    if (verdict.finding.empty()) verdict.finding = first_difference(result.outputs, exact);
    verdict.exact = true;
  }

  void check_bound(const Case& c, const Plan& plan, const Site& site, const OpSite& op, DType dtype,
                   std::uint64_t seed, Verdict& verdict) const {
    Graph graph(builtin().ops);
    RunningError analysis(graph, format_of(dtype), plan.accuracy);
    if (!analysis.knows(op_)) return;
    const std::vector<Tensor> inputs = make_inputs(c, dtype, Data::full_mantissa, 1, seed);
    const RunResult result = run_plan(backend_, plan, site, inputs);
    verdict.finding = misconduct(result);

    std::vector<Tensor> wide = convert_all(inputs, DType::quad);
    widen_labels(wide);
    std::vector<Bounded> operands;
    for (std::size_t i = 0; i < wide.size(); ++i) {
      operands.push_back({graph.input(std::to_string(i), wide[i].spec()), {}});
    }
    const std::vector<Bounded> bounds = analysis.apply(op_, operands, op.fields);
    for (std::size_t o = 0; o < bounds.size(); ++o) {
      graph.output(fmt::format("value {}", o), bounds[o].value);
      if (bounds[o].error) graph.output(fmt::format("error {}", o), bounds[o].error);
    }
    StateStore states;
    Arena arena;
    const Backend* const backends[] = {&reference()};
    Program program = Program::compile(graph, backends, states, arena);
    for (std::size_t i = 0; i < wide.size(); ++i) {
      if (program.has_input(std::to_string(i))) convert(wide[i].view(), program.input(std::to_string(i)));
    }
    program.run();
    for (std::size_t o = 0; o < bounds.size() && verdict.finding.empty(); ++o) {
      verdict.finding = first_excess(program, o, static_cast<bool>(bounds[o].error), result.outputs[o]);
    }
    verdict.bounded = true;
  }

  // The analysis has no integers: a step becomes a number, labels become one-hot rows.
  void widen_labels(std::vector<Tensor>& inputs) const {
    if (op_.name == "adam_update" || op_.name == "adamw_update") {
      Tensor step({DType::quad, Shape{}});
      convert(inputs.back().view(), step.view());
      inputs.back() = std::move(step);
    }
    const std::size_t labels = op_.name == "softmax_cross_entropy" ? 1 : 2;
    if (op_.name != "softmax_cross_entropy" && op_.name != "softmax_cross_entropy_grad") return;
    const Shape& scores = inputs[labels - 1].shape();
    std::vector<double> rows(static_cast<std::size_t>(scores.count()), 0.0);
    for (std::int64_t b = 0; b < scores[0]; ++b) {
      rows[static_cast<std::size_t>(b * scores[1]) +
           static_cast<std::size_t>(element(inputs[labels].view(), b))] = 1.0;
    }
    inputs[labels] = Tensor::of(DType::quad, scores, rows);
  }

  static std::string first_excess(Program& program, std::size_t output, bool inexact, const Tensor& got) {
    const TensorView value = program.output(fmt::format("value {}", output));
    Tensor wide({value.spec.dtype, got.shape()});
    convert(got.view(), wide.view());
    for (std::int64_t i = 0; i < got.count(); ++i) {
      const double bound = inexact ? element(program.output(fmt::format("error {}", output)), i) : 0.0;
      const double error = distance(wide.view(), value, i);
      if (!(error <= bound)) {
        return fmt::format("output {} {}: got {}, want {}: error {} above the bound {}", output,
                           place(got.spec(), i), element(got.view(), i), element(value, i), error, bound);
      }
    }
    return "";
  }

  static double distance(const TensorView& a, const TensorView& b, std::int64_t i) {
    if (a.spec.dtype != DType::quad) return std::abs(element(a, i) - element(b, i));
    const auto at = static_cast<std::size_t>(i);
    return static_cast<double>(abs(a.as<Quad>()[at] - b.as<Quad>()[at]));
  }

  const Backend& backend_;
  const OpDef& op_;
};

TEST(AllocationCount, SeesAnAllocation) {
  if (!can_count_allocations()) GTEST_SKIP() << "malloc cannot be replaced here";
  const AllocationCount count;
  const std::vector<int> allocated(1000);
  EXPECT_EQ(count.value(), 1) << allocated.size();
}

// Sets ASSAY_ISA for the length of a test.
class ForcedIsa {
 public:
  explicit ForcedIsa(Isa isa) {
    if (const char* before = std::getenv("ASSAY_ISA")) before_ = before;
    setenv("ASSAY_ISA", std::string(name_of(isa)).c_str(), 1);
  }
  ~ForcedIsa() { before_.empty() ? unsetenv("ASSAY_ISA") : setenv("ASSAY_ISA", before_.c_str(), 1); }
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;

 private:
  std::string before_;
};

struct Subject {
  std::string backend;
  Isa isa;
  std::string op;
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.op << " on " << subject.backend << ", " << name_of(subject.isa);
}

class BackendOps : public ::testing::TestWithParam<Subject> {};

TEST_P(BackendOps, AgreeOnEveryGeometry) {
  const auto& [name, isa, op_name] = GetParam();
  const ForcedIsa forced(isa);
  const std::unique_ptr<Backend> backend = builtin().create_backend(name, {}, 1);
  const OpDef& op = builtin().ops.at(op_name);
  const OpConformance conformance(*backend, op);
  int offered = 0, exact = 0, bounded = 0;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::uint64_t seed = 1;
    for (const Case& c : op.cases) {
      const auto verdict = conformance.check(c, dtype, seed++);
      if (!verdict) continue;
      ++offered;
      exact += verdict->exact ? 1 : 0;
      bounded += verdict->bounded ? 1 : 0;
      EXPECT_TRUE(verdict->exact || verdict->bounded)
          << "no verdict: " << c.label << " in " << name_of(dtype);
      EXPECT_EQ(verdict->finding, "") << c.label << " in " << name_of(dtype);
    }
  }
  RecordProperty("offered", offered);
  RecordProperty("exact", exact);
  RecordProperty("bounded", bounded);
}

// A backend whose description names no instruction set is tested once.
std::vector<Isa> instruction_sets(const std::string& backend) {
  std::vector<Isa> isas;
  for (const Isa isa : all_isas()) {
    if (!is_supported(isa)) continue;
    const ForcedIsa forced(isa);
    const std::string description = builtin().create_backend(backend, {}, 1)->description();
    if (description.find(name_of(isa)) != std::string::npos) isas.push_back(isa);
  }
  if (isas.empty()) isas.push_back(Isa::baseline);
  return isas;
}

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const std::string& backend : builtin().backends.names()) {
    if (backend == "reference") continue;
    for (const Isa isa : instruction_sets(backend)) {
      for (const std::string& op : builtin().ops.names()) {
        if (!builtin().ops.at(op).cases.empty()) all.push_back({backend, isa, op});
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, BackendOps, ::testing::ValuesIn(subjects()), [](const auto& info) {
  return fmt::format("{}_{}_{}", info.param.backend, name_of(info.param.isa), info.param.op);
});

}  // namespace
}  // namespace assay::conformance
