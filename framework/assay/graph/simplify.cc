#include "assay/graph/simplify.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <tuple>

#include "assay/core/error.h"

namespace assay {
namespace {

// What makes two nodes compute the same thing.
std::string identity(const Node& node, std::span<const ValueId> inputs) {
  std::string key = fmt::format("{}|{}|{}|", node.label(), node.name, node.fields.to_string());
  if (node.kind == NodeKind::constant) key += fmt::format("{:a}", node.constant);
  for (ValueId id : inputs) key += fmt::format("|{}.{}", id.node, id.output);
  for (const Spec& spec : node.outputs) key += "|" + spec.to_string();
  return key;
}

std::vector<char> live_nodes(const Graph& graph) {
  std::vector<char> live(graph.nodes().size(), 0);
  for (const auto& [name, id] : graph.outputs()) live[id.node] = 1;
  for (const auto& [state, successor] : graph.updates()) live[state.node] = live[successor.node] = 1;
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    if (node.kind == NodeKind::input || node.kind == NodeKind::state) live[n] = 1;
    if (!live[n]) continue;
    for (ValueId id : node.inputs) live[id.node] = 1;
  }
  return live;
}

// The operand that an op with a neutral constant for its other one leaves as it is: x of x · 1.
std::optional<ValueId> unchanged_operand(const Graph& graph, const Node& node,
                                         std::span<const ValueId> inputs) {
  if (node.kind != NodeKind::op) return std::nullopt;
  for (const Neutral& neutral : node.op->neutral) {
    const ValueId constant = inputs[static_cast<std::size_t>(neutral.operand)];
    const ValueId other = inputs[static_cast<std::size_t>(1 - neutral.operand)];
    if (graph.node(constant).kind == NodeKind::constant && graph.node(constant).constant == neutral.value &&
        graph.spec(other) == node.outputs[0])
      return other;
  }
  return std::nullopt;
}

}  // namespace

Graph simplify(const Graph& graph) {
  const std::vector<char> live = live_nodes(graph);
  Graph result(graph.ops());
  std::map<std::string, std::int32_t> known;
  std::map<ValueId, ValueId> renamed;
  const auto rename = [&](ValueId id) { return renamed.at(id); };

  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    if (!live[n]) continue;
    const Node& node = graph.nodes()[n];
    std::vector<ValueId> inputs;
    for (ValueId id : node.inputs) inputs.push_back(rename(id));
    const auto old = static_cast<std::int32_t>(n);
    if (const auto same = unchanged_operand(result, node, inputs)) {
      renamed[{old, 0}] = *same;
      continue;
    }
    const auto [it, added] =
        known.try_emplace(identity(node, inputs), static_cast<std::int32_t>(result.nodes().size()));
    for (std::int32_t o = 0; o < static_cast<std::int32_t>(node.outputs.size()); ++o)
      renamed[{old, o}] = {it->second, o};
    if (added) result.adopt(node, std::move(inputs));
  }
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(rename(id)));
  for (const auto& [state, successor] : graph.updates()) {
    result.update(result.value(rename(state)), result.value(rename(successor)));
  }
  return result;
}

void verify_graph(const Graph& graph) {
  const auto violated = [](std::size_t n, const std::string& what) {
    throw Error(fmt::format("internal: graph node %{}: {}", n, what))
        .help("this is a defect of assay or of a plugin");
  };
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    std::vector<Spec> specs;
    for (ValueId id : node.inputs) {
      if (id.node < 0 || static_cast<std::size_t>(id.node) >= n)
        violated(n, "an operand does not precede it");
      if (static_cast<std::size_t>(id.output) >= graph.node(id).outputs.size()) violated(n, "no such output");
      specs.push_back(graph.spec(id));
    }
    if (node.kind != NodeKind::op) continue;
    const std::vector<Spec> inferred = node.op->infer(Call{specs, node.fields});
    if (inferred != node.outputs) violated(n, "its specs are not those of its shape rule");
    if (node.op->view && specs.front().count() != node.outputs.front().count())
      violated(n, "a view changes its count");
  }
  for (const auto& [state, successor] : graph.updates()) {
    if (graph.node(state).kind != NodeKind::state) violated(state.node, "updated, but not a state");
    if (graph.spec(state) != graph.spec(successor)) violated(state.node, "its successor has another spec");
  }
}

}  // namespace assay
