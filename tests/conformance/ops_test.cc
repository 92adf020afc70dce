// Every op of the registry on every case that stands beside it, as far as `assay verify --ops` does not judge
// it: its description, the dtypes that its reference takes, and its expansion.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "assay/core/quad.h"
#include "assay/graph/simplify.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/op_site.h"
#include "assay/verify/statistics.h"
#include "conformance/builtin.h"

namespace assay::conformance {
namespace {

using verify::Bindings;
using verify::Values;

const Backend& reference() {
  static const std::unique_ptr<Backend> backend = builtin().create_backend("reference", {}, 1);
  return *backend;
}

// One op applied to inputs "0", "1", ... with the specs of these tensors.
struct Applied {
  Graph graph;
  std::vector<Value> inputs;
  std::vector<Value> outputs;

  Applied(const OpDef& op, const Fields& fields, std::span<const Tensor> operands) : graph(builtin().ops) {
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
  return verify::evaluate(graph, reference(), bindings);
}

std::span<const Quad> quads(const Values& values, Value value) {
  return std::as_const(values.at(value.id())).as<Quad>();
}

class Ops : public ::testing::TestWithParam<std::string> {
 protected:
  const OpDef& op() const { return builtin().ops.at(GetParam()); }
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

TEST_P(Ops, ReferenceTakesEveryDtype) {
  for (const DType dtype : {DType::quad, DType::dual64, DType::dual_quad, DType::lattice}) {
    if (dtype == DType::lattice && !op().polynomial) continue;
    for (const Case& c : op().cases) {
      SCOPED_TRACE(fmt::format("{} in {}", c.label, name_of(dtype)));
      const verify::Fill fill =
          dtype == DType::lattice ? verify::Fill::integers : verify::Fill::full_mantissa;
      const auto operands = verify::make_inputs(c, dtype, {.fill = fill, .seed = 2});
      const Applied applied(op(), c.fields, operands);
      const Values values = evaluate(applied.graph, bindings_of(operands));
      if (dtype == DType::lattice) continue;  // a quotient may have a remainder
      for (Value output : applied.outputs) {
        for (double x : to_doubles(values.at(output.id()).view())) ASSERT_TRUE(std::isfinite(x));
      }
    }
  }
}

using ExpandedOps = Ops;

TEST_P(ExpandedOps, ExpansionIsTheSameFunction) {
  for (const Case& c : op().cases) {
    SCOPED_TRACE(c.label);
    const auto operands = verify::make_inputs(c, DType::quad, {.seed = 3});
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
        ASSERT_TRUE(abs(Quad(got[i] - want[i])) <= Quad(verify::kOracleRoundoff) * largest)
            << "output " << o << " element " << i << ": " << got[i].to_string() << " expanded, "
            << want[i].to_string() << " by the op";
      }
    }
  }
}

std::vector<std::string> expanded_ops() {
  std::vector<std::string> names = builtin().ops.names();
  std::erase_if(names, [](const std::string& name) { return !builtin().ops.at(name).expand; });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Every, Ops, ::testing::ValuesIn(builtin().ops.names()),
                         [](const auto& info) { return info.param; });
INSTANTIATE_TEST_SUITE_P(Every, ExpandedOps, ::testing::ValuesIn(expanded_ops()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace assay::conformance
