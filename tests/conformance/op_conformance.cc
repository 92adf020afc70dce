#include "conformance/op_conformance.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "assay/core/quad.h"
#include "assay/program/program.h"
#include "conformance/allocation_count.h"
#include "conformance/running_error.h"

namespace assay::conformance {
namespace {

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

class OpConformance {
 public:
  OpConformance(const Backend& backend, const OpDef& op) : backend_(backend), op_(op) {}

  std::optional<Verdict> check(const Case& c, DType dtype, std::uint64_t seed,
                               const std::function<void(Site&)>& arrange) const {
    const OpSite op = make_op_site(builtin().ops, op_, c, dtype);
    Site site = op.site();
    if (arrange) arrange(site);
    Offer offer = backend_.offer(site);
    if (const auto* refusal = std::get_if<Refusal>(&offer)) {
      EXPECT_NE(refusal->reason, "") << c.label;
      return std::nullopt;
    }
    Verdict verdict;
    verdict.plan = std::move(std::get<Plan>(offer));
    const Plan& plan = verdict.plan;
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

}  // namespace

const Registry& builtin() {
  static const std::unique_ptr<Registry> registry = [] {
    auto made = std::make_unique<Registry>();
    register_builtin(*made);
    return made;
  }();
  return *registry;
}

std::optional<Verdict> check_case(const Backend& backend, const OpDef& op, const Case& c, DType dtype,
                                  std::uint64_t seed, const std::function<void(Site&)>& arrange) {
  return OpConformance(backend, op).check(c, dtype, seed, arrange);
}

}  // namespace assay::conformance
