#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>

#include "assay/core/error.h"
#include "assay/program/program.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/rule_oracles.h"

namespace assay::verify {
namespace {

constexpr double kNearlyOne = 1.0 + 0x1p-40;

// A graph that calls one op again and again.
class Calls {
 public:
  Calls(const Registry& registry, const OpDef& op, const Case& c, std::uint64_t seed)
      : op_(op), case_(c), graph_(registry.ops) {
    std::vector<Tensor> values = make_inputs(c, DType::f64, {.seed = seed});
    for (std::size_t i = 0; i < values.size(); ++i) {
      inputs_.push_back(graph_.input(std::to_string(i), values[i].spec()));
      bindings_.emplace(std::to_string(i), std::move(values[i]));
    }
  }

  // Everything that merging has to tell apart, each in an output of its own.
  void build() {
    call(inputs_, case_.fields);
    // Outputs of one node, read by the same op.
    const std::vector<Value> again = graph_.apply_all(op_.name, inputs_, case_.fields);
    for (const Value& value : again) {
      if (is_real(value.dtype())) keep(graph_.apply("neg", {value}));
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      for (std::size_t j = i + 1; j < inputs_.size(); ++j) exchanged(i, j);
      if (is_real(inputs_[i].dtype())) constants(i);
    }
    const Fields fields = complete(op_.fields, case_.fields, "op '" + op_.name + "'");
    for (const auto& [name, value] : fields.items()) {
      if (const double* const number = std::get_if<double>(&value)) with(name, *number * kNearlyOne);
    }
    // Settings of other geometries, where they fit these operands.
    for (const Case& other : op_.cases) {
      if (!(other.fields == case_.fields) && holds_indices(other)) call(inputs_, other.fields);
    }
  }

  // Of the compiled program, against the graph as it was built.
  Outcome judge(const Backend& reference) const {
    const std::string basis = "exact: the bits of the graph run node by node, nothing merged or left out";
    const Values want = evaluate(graph_, reference, bindings_);
    StateStore states;
    Arena arena;
    const Backend* const backends[] = {&reference};
    Program program = Program::compile(graph_, backends, states, arena);
    for (const auto& [name, value] : bindings_) convert(value.view(), program.input(name));
    program.run();
    Outcome outcome{Status::passed, basis, {}, 0, 0};
    for (const auto& [name, id] : graph_.outputs()) {
      const Tensor& value = want.at(id);
      outcome.judged += value.count();
      if (std::memcmp(value.data(), program.output(name).data, value.spec().bytes()) != 0)
        return Outcome::failed(basis, fmt::format("{} differs in a program that has others beside it",
                                                  described_[static_cast<std::size_t>(std::stoi(name))]));
    }
    return outcome;
  }

 private:
  void keep(Value value) {
    graph_.output(std::to_string(described_.size()), value);
    described_.push_back(fmt::format("node %{}", value.id().node));
  }

  // Whether the indices that are drawn stay below the other case's limits, which its settings may imply.
  bool holds_indices(const Case& other) const {
    for (std::size_t i = 0; i < case_.inputs.size(); ++i) {
      if (case_.inputs[i].domain != Domain::index) continue;
      if (i >= other.inputs.size() || other.inputs[i].limit < case_.inputs[i].limit) return false;
    }
    return true;
  }

  // Nothing where the op does not take it.
  void call(const std::vector<Value>& operands, const Fields& fields, const std::string& what = "") {
    std::vector<Value> outputs;
    try {
      outputs = graph_.apply_all(op_.name, operands, fields);
    } catch (const Error&) {
      return;
    }
    for (const Value& output : outputs) {
      keep(output);
      described_.back() = fmt::format("{} {}{}", op_.name, fields.to_string(), what);
    }
  }

  void exchanged(std::size_t i, std::size_t j) {
    const CaseInput &a = case_.inputs[i], &b = case_.inputs[j];
    if (!(inputs_[i].spec() == inputs_[j].spec()) || a.domain != b.domain || a.limit != b.limit) return;
    std::vector<Value> operands = inputs_;
    std::swap(operands[i], operands[j]);
    call(operands, case_.fields, fmt::format(" of operands {} and {} exchanged", i, j));
  }

  void constants(std::size_t i) {
    for (const double number : {1.0, kNearlyOne, 2.0}) {
      std::vector<Value> operands = inputs_;
      operands[i] = graph_.constant(number, DType::f64, inputs_[i].shape());
      call(operands, case_.fields, fmt::format(" of operand {} = {}", i, number));
    }
  }

  void with(const std::string& name, double number) {
    Fields fields = case_.fields;
    fields.set(name, number);
    call(inputs_, fields);
  }

  const OpDef& op_;
  const Case& case_;
  Graph graph_;
  std::vector<Value> inputs_;
  Bindings bindings_;
  std::vector<std::string> described_;  // by output
};

}  // namespace

Outcome check_merging(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                      std::uint64_t seed) {
  Calls calls(registry, op, c, seed);
  calls.build();
  return calls.judge(reference);
}

}  // namespace assay::verify
