#include "assay/verify/training_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "assay/core/quad.h"
#include "assay/layers/optimizer.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// The gradients as the optimizer is to see them, by parameter.
std::map<std::string, Tensor> clipped_gradients(const Setting& setting, const Fields& optimizer,
                                                const Graph& graph, const Values& traced) {
  std::map<std::string, Tensor> gradients;
  Quad squares(0);
  for (const std::string& name : setting.parameters()) {
    const Tensor& g = traced.at(graph.find_output("grad/" + name));
    for (const Quad& x : g.as<Quad>()) squares += x * x;
    gradients.emplace(name, g.clone());
  }
  if (optimizer.find("clip_norm") == nullptr) return gradients;
  const Quad factor = Quad(optimizer.number("clip_norm")) / (sqrt(squares) + Quad(1e-6));
  if (factor >= Quad(1)) return gradients;
  for (auto& [name, g] : gradients) {
    for (Quad& x : g.as<Quad>()) x *= factor;
  }
  return gradients;
}

// The optimizer alone: a graph of every parameter and of a gradient that is given.
Graph updates_alone(const Registry& registry, const OptimizerDef& optimizer, const Fields& fields,
                    const std::map<std::string, Tensor>& gradients) {
  Graph graph(registry.ops);
  GraphBuild build{
      .graph = graph, .updates = true, .dtype = DType::quad, .initializers = registry.initializers};
  for (const auto& [name, g] : gradients) {
    UpdateBuilder update(build, fields, name, graph.state(name, g.spec()),
                         graph.input("grad/" + name, g.spec()));
    optimizer.update(update);
  }
  return graph;
}

Bindings with_gradients(const Bindings& bindings, const std::map<std::string, Tensor>& gradients) {
  Bindings all;
  for (const auto& [name, value] : bindings) all.emplace(name, value.clone());
  for (const auto& [name, g] : gradients) all.emplace("grad/" + name, g.clone());
  return all;
}

std::map<std::string, ValueId> successors_of(const Graph& graph) {
  std::map<std::string, ValueId> by_state;
  for (const auto& [state, successor] : graph.updates()) by_state.emplace(graph.node(state).name, successor);
  return by_state;
}

}  // namespace

BuiltGraph::BuiltGraph(const Setting& setting, Graph built)
    : graph(std::move(built)),
      bindings(setting.bindings(graph)),
      values(evaluate(graph, setting.reference(), bindings)) {}

Check check_training_step(const Experiment& experiment, const Registry& registry, const Setting& setting,
                          const Graph& graph, const Values& traced, const BuiltGraph& training) {
  Check check;
  check.oracle = Oracle::program;
  check.subject = {"training step", {}, {}, DType::quad, "whole model", {}, SubjectKind::program};
  check.basis = "what the optimizer makes of the traced gradient, held to 2⁻⁵³ (|before| + |after|)";

  const OptimizerDef& optimizer = registry.optimizers.at(experiment.optimizer.type);
  const Fields fields =
      complete(optimizer.fields, experiment.optimizer.fields, "optimizer '" + optimizer.name + "'");
  const auto gradients = clipped_gradients(setting, fields, graph, traced);
  const Graph wanted = updates_alone(registry, optimizer, fields, gradients);
  const Bindings& before = training.bindings;
  const Values want = evaluate(wanted, setting.reference(), with_gradients(before, gradients));
  const auto moves = successors_of(training.graph);
  for (const auto& [state, id] : successors_of(wanted)) {
    const auto move = moves.find(state);
    std::string why;
    if (move == moves.end()) {
      why = "stays as it is";
    } else {
      const auto is = training.values.at(move->second).as<Quad>(), should = want.at(id).as<Quad>(),
                 was = before.at(state).as<Quad>();
      for (std::size_t i = 0; i < should.size() && why.empty(); ++i) {
        ++check.judged;
        const Quad bound = Quad(kOracleRoundoff) * (abs(was[i]) + abs(should[i]));
        if (abs(Quad(is[i] - should[i])) <= bound) continue;
        why = fmt::format("becomes {} at {}, but {} by the traced gradient", is[i].to_string(17),
                          want.at(id).shape().index_text(static_cast<std::int64_t>(i)),
                          should[i].to_string(17));
      }
    }
    if (why.empty()) continue;
    check.status = Status::failed;
    check.detail += fmt::format("{}'{}' {}", check.detail.empty() ? "" : "\n  ", state, why);
  }
  return check;
}

}  // namespace assay::verify
