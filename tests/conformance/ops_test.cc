// Every op of the registry on every case that stands beside it: the reference's kernels keep the contract of
// kernels on every dtype, the expansion is the same function, and the derivative rule is the derivative of
// the forward kernel, by dual numbers and by finite differences.
//
// What is compared is computed in quad, with 113 bits, and has to agree to the 53 of f64, which quad is the
// oracle for: the 60 bits between are there for rounding and conditioning, so that no bound is tuned to an
// op.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "assay/core/error.h"
#include "assay/core/quad.h"
#include "assay/graph/differentiate.h"
#include "assay/graph/simplify.h"
#include "conformance/op_run.h"
#include "evaluate.h"

namespace assay::conformance {
namespace {

using testing::Bindings;
using testing::Values;

constexpr double kUnit = 0x1p-53;

const testing::Reference& reference() {
  static const testing::Reference instance;
  return instance;
}

// One op applied to inputs "0", "1", ... with the specs of these tensors.
struct Applied {
  Graph graph;
  std::vector<Value> inputs;
  std::vector<Value> outputs;

  Applied(const OpDef& op, const Fields& fields, std::span<const Tensor> operands)
      : graph(reference().ops()) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      inputs.push_back(graph.input(std::to_string(i), operands[i].spec()));
    }
    outputs = graph.apply_all(op.name, inputs, fields);
  }
  Applied(const Applied&) = delete;
  Applied& operator=(const Applied&) = delete;
};

Bindings bindings_of(std::span<const Tensor> operands) {
  Bindings bindings;
  for (std::size_t i = 0; i < operands.size(); ++i) bindings.emplace(std::to_string(i), operands[i].clone());
  return bindings;
}

Values evaluate(const Graph& graph, const Bindings& bindings) {
  return testing::evaluate(graph, reference().backend(), bindings);
}

std::span<const Quad> quads(const Values& values, Value value) {
  return std::as_const(values.at(value.id())).as<Quad>();
}

class Ops : public ::testing::TestWithParam<std::string> {
 protected:
  const OpDef& op() const { return reference().ops().at(GetParam()); }
};

TEST_P(Ops, IsDescribed) {
  EXPECT_FALSE(op().formula.empty());
  EXPECT_GE(op().cases.size(), 6u);
  std::set<std::string> labels;
  for (const Case& c : op().cases) {
    EXPECT_TRUE(labels.insert(c.label).second) << "two cases are called '" << c.label << "'";
  }
  for (const FieldDef& field : op().fields) EXPECT_FALSE(field.summary.empty()) << field.name;
}

TEST_P(Ops, ReferenceKernelsStayInTheirBuffers) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Case& c : op().cases) {
      SCOPED_TRACE(fmt::format("{} in {}", c.label, name_of(dtype)));
      const OpSite site = make_op_site(reference().ops(), op(), c, dtype);
      const Offer offer = reference().backend().offer(site.site());
      ASSERT_TRUE(std::holds_alternative<Plan>(offer));
      const RunResult result = run_plan(reference().backend(), std::get<Plan>(offer), site.site(),
                                        make_inputs(c, dtype, Data::full_mantissa, 1, 1));
      EXPECT_EQ(result.findings, std::vector<std::string>{});
      EXPECT_EQ(result.allocations, 0);
    }
  }
}

TEST_P(Ops, ReferenceTakesEveryDtype) {
  for (const DType dtype : {DType::quad, DType::dual64, DType::dual_quad, DType::lattice}) {
    if (dtype == DType::lattice && !op().polynomial) continue;
    for (const Case& c : op().cases) {
      SCOPED_TRACE(fmt::format("{} in {}", c.label, name_of(dtype)));
      const Data data = dtype == DType::lattice ? Data::integers : Data::full_mantissa;
      const auto operands = make_inputs(c, dtype, data, 1, 2);
      const Applied applied(op(), c.fields, operands);
      const Values values = evaluate(applied.graph, bindings_of(operands));
      if (dtype == DType::lattice) continue;  // a quotient may have a remainder
      for (Value output : applied.outputs) {
        for (double x : to_doubles(values.at(output.id()).view())) ASSERT_TRUE(std::isfinite(x));
      }
    }
  }
}

TEST_P(Ops, ExpansionIsTheSameFunction) {
  if (!op().expand) GTEST_SKIP() << "atomic";
  for (const Case& c : op().cases) {
    SCOPED_TRACE(c.label);
    const auto operands = make_inputs(c, DType::quad, Data::full_mantissa, 1, 3);
    Applied applied(op(), c.fields, operands);
    const Fields fields = applied.graph.node(applied.outputs.front().id()).fields;
    const std::vector<Value> expanded = op().expand(applied.inputs, fields);
    verify_graph(applied.graph);
    ASSERT_EQ(expanded.size(), applied.outputs.size());
    const Values values = evaluate(applied.graph, bindings_of(operands));
    for (std::size_t o = 0; o < expanded.size(); ++o) {
      ASSERT_EQ(expanded[o].spec(), applied.outputs[o].spec());
      const auto want = quads(values, applied.outputs[o]), got = quads(values, expanded[o]);
      Quad largest = 0;
      for (const Quad& x : want) largest = maximum(largest, abs(x));
      for (std::size_t i = 0; i < want.size(); ++i) {
        ASSERT_TRUE(abs(Quad(got[i] - want[i])) <= Quad(kUnit) * largest)
            << "output " << o << " element " << i << ": " << got[i].to_string() << " expanded, "
            << want[i].to_string() << " by the op";
      }
    }
  }
}

// Σ aᵢbᵢ and Σ |aᵢbᵢ|.
struct Pairing {
  Quad value = 0;
  Quad magnitude = 0;

  void add(const Quad& a, const Quad& b) {
    value += a * b;
    magnitude += abs(Quad(a * b));
  }
};

// One case with random signed v for every input through which derivatives flow, and random signed u for every
// real output: three ways to ⟨Jv, u⟩.
class DerivativeCheck {
 public:
  DerivativeCheck(const OpDef& op, const Case& c)
      : op_(op), fields_(c.fields), operands_(make_inputs(c, DType::quad, Data::full_mantissa, 1, 4)) {
    const Applied applied(op, c.fields, operands_);
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const bool blocked =
          std::ranges::find(op.undifferentiated, static_cast<int>(i)) != op.undifferentiated.end();
      if (is_real(operands_[i].dtype()) && !blocked)
        directions_.emplace(i, random(operands_[i].shape(), 5 + i));
    }
    for (std::size_t o = 0; o < applied.outputs.size(); ++o) {
      if (is_real(applied.outputs[o].dtype())) seeds_.emplace(o, random(applied.outputs[o].shape(), 50 + o));
    }
  }

  bool has_inputs() const { return !directions_.empty(); }

  // ⟨v, Jᵀu⟩ by the op's derivative rule.
  Pairing backward() const {
    Applied applied(op_, fields_, operands_);
    Bindings bindings = bindings_of(operands_);
    std::vector<Value> outputs, seeds, wanted;
    for (const auto& [o, seed] : seeds_) {
      const std::string name = fmt::format("seed {}", o);
      outputs.push_back(applied.outputs[o]);
      seeds.push_back(applied.graph.input(name, seed.spec()));
      bindings.emplace(name, seed.clone());
    }
    for (const auto& [i, v] : directions_) wanted.push_back(applied.inputs[i]);
    const Cotangents cotangents = differentiate(outputs, seeds, wanted);
    verify_graph(applied.graph);
    const Values values = evaluate(applied.graph, bindings);
    Pairing sum;
    for (const auto& [i, v] : directions_) {
      const Value cotangent = cotangents.find(applied.inputs[i]);
      if (!cotangent) continue;  // the rule says that nothing depends on it
      const auto gradient = quads(values, cotangent);
      for (std::size_t e = 0; e < gradient.size(); ++e) sum.add(v.as<Quad>()[e], gradient[e]);
    }
    return sum;
  }

  // ⟨Jv, u⟩ by the forward kernel on dual numbers.
  Pairing forward() const {
    std::vector<Tensor> duals = convert_all(operands_, DType::dual_quad);
    for (const auto& [i, v] : directions_) {
      const auto x = duals[i].as<Dual<Quad>>();
      for (std::size_t e = 0; e < x.size(); ++e) x[e].derivative = v.as<Quad>()[e];
    }
    const Applied applied(op_, fields_, duals);
    const Values values = evaluate(applied.graph, bindings_of(duals));
    Pairing sum;
    for (const auto& [o, u] : seeds_) {
      const auto y = values.at(applied.outputs[o].id()).as<Dual<Quad>>();
      for (std::size_t e = 0; e < y.size(); ++e) sum.add(u.as<Quad>()[e], y[e].derivative);
    }
    return sum;
  }

  // ⟨f(x + hv) − f(x − hv), u⟩ / 2h, sharing no derivative with the others.
  Quad difference(const Quad& h) const {
    const Applied applied(op_, fields_, operands_);
    const Values above = evaluate(applied.graph, bindings_of(moved(h))),
                 below = evaluate(applied.graph, bindings_of(moved(-h)));
    Quad sum = 0;
    for (const auto& [o, u] : seeds_) {
      const auto a = quads(above, applied.outputs[o]), b = quads(below, applied.outputs[o]);
      for (std::size_t e = 0; e < a.size(); ++e) sum += u.as<Quad>()[e] * (a[e] - b[e]);
    }
    return sum / (h + h);
  }

 private:
  static Tensor random(const Shape& shape, std::uint64_t seed) {
    return std::move(make_inputs({"", {{shape}}}, DType::quad, Data::full_mantissa, 1, seed).front());
  }

  std::vector<Tensor> moved(const Quad& h) const {
    std::vector<Tensor> operands = convert_all(operands_, DType::quad);
    for (const auto& [i, v] : directions_) {
      const auto x = operands[i].as<Quad>();
      for (std::size_t e = 0; e < x.size(); ++e) x[e] += h * v.as<Quad>()[e];
    }
    return operands;
  }

  const OpDef& op_;
  const Fields fields_;
  const std::vector<Tensor> operands_;
  std::map<std::size_t, const Tensor> directions_;  // by input
  std::map<std::size_t, const Tensor> seeds_;       // by output
};

// An update by a step that is an integer, and derivatives of activations that are dual numbers themselves.
const std::set<std::string>& not_differentiable() {
  static const std::set<std::string> names{
      "adam_update",     "adamw_update",    "elu_grad",  "gelu_grad", "hard_sigmoid_grad",
      "hard_swish_grad", "leaky_relu_grad", "selu_grad", "silu_grad", "softplus_grad"};
  return names;
}

TEST_P(Ops, DerivativeIsThatOfTheForwardKernel) {
  // Truncation h²f‴/6 and rounding 2⁻¹¹³f/h are both far below 2⁻⁵³.
  const Quad h = ldexp(Quad(1), -38);
  for (const Case& c : op().cases) {
    SCOPED_TRACE(c.label);
    const DerivativeCheck check(op(), c);
    if (!check.has_inputs()) continue;
    if (not_differentiable().contains(op().name)) {
      EXPECT_THROW(check.backward(), Error);
      continue;
    }
    const Pairing rule = check.backward(), dual = check.forward();
    const Quad difference = check.difference(h), bound = Quad(kUnit) * (rule.magnitude + dual.magnitude);
    const std::string report = fmt::format(
        "derivative rule {}\ndual numbers {}\nfinite differences {}\nbound {}", rule.value.to_string(20),
        dual.value.to_string(20), difference.to_string(20), bound.to_string(3));
    ASSERT_TRUE(abs(Quad(rule.value - dual.value)) <= bound) << report;
    ASSERT_TRUE(abs(Quad(rule.value - difference)) <= bound) << report;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Ops, ::testing::ValuesIn(reference().ops().names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace assay::conformance
