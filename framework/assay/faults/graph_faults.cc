#include "assay/faults/graph_faults.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace assay::faults {
namespace {

using Renaming = std::map<ValueId, ValueId>;

// The graph with every use of a value replaced by what `instead` says; each replacement precedes its value.
Graph renamed(const Graph& graph, const Renaming& instead) {
  const auto now = [&](ValueId id) {
    const auto other = instead.find(id);
    return other == instead.end() ? id : other->second;
  };
  Graph result(graph.ops());
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(now(id));
    result.adopt(node, std::move(inputs));
  }
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(now(id)));
  for (const auto& [state, id] : graph.updates()) result.update(result.value(state), result.value(now(id)));
  return result;
}

// Later nodes merged into earlier ones that `alike` takes for the same.
Renaming merged(const Graph& graph, const std::function<bool(const Node&, const Node&)>& alike) {
  Renaming instead;
  const auto& nodes = graph.nodes();
  for (std::int32_t later = 0; later < std::ssize(nodes); ++later) {
    for (std::int32_t earlier = 0; earlier < later; ++earlier) {
      const Node &a = graph.node({earlier, 0}), &b = graph.node({later, 0});
      if (a.kind != b.kind || a.op != b.op || a.outputs != b.outputs || !alike(a, b)) continue;
      for (std::int32_t o = 0; o < std::ssize(b.outputs); ++o) instead[{later, o}] = {earlier, o};
      break;
    }
  }
  return instead;
}

Graph settings_not_compared(const Graph& graph) {
  return renamed(graph, merged(graph, [](const Node& a, const Node& b) {
                   return a.kind == NodeKind::op && a.inputs == b.inputs && !(a.fields == b.fields);
                 }));
}
Graph first_operand_compared(const Graph& graph) {
  return renamed(graph, merged(graph, [](const Node& a, const Node& b) {
                   return a.kind == NodeKind::op && a.inputs.size() > 1 && a.inputs[0] == b.inputs[0] &&
                          a.inputs != b.inputs && a.fields == b.fields;
                 }));
}
Graph constants_merged(const Graph& graph) {
  return renamed(graph, merged(graph, [](const Node& a, const Node& b) {
                   return a.kind == NodeKind::constant && a.constant != b.constant;
                 }));
}

// Values of `op` replaced by one of their operands.
Graph forwarded(const Graph& graph, const std::string& op,
                const std::function<std::optional<std::size_t>(const Node&)>& operand) {
  Renaming instead;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node({n, 0});
    if (node.kind != NodeKind::op || node.op->name != op) continue;
    const auto i = operand(node);
    if (!i || graph.spec(node.inputs[*i]) != node.outputs[0]) continue;
    const auto before = instead.find(node.inputs[*i]);
    instead[{n, 0}] = before == instead.end() ? node.inputs[*i] : before->second;
  }
  return renamed(graph, instead);
}
Graph one_cotangent_kept(const Graph& graph) {
  return forwarded(graph, "add", [](const Node& node) {
    return node.backward ? std::optional<std::size_t>(0) : std::nullopt;
  });
}
Graph factors_dropped(const Graph& graph) {
  return forwarded(graph, "mul", [&](const Node& node) -> std::optional<std::size_t> {
    for (const std::size_t i : {0U, 1U}) {
      if (graph.node(node.inputs[1 - i]).kind == NodeKind::constant) return i;
    }
    return std::nullopt;
  });
}

// Differences and quotients taken for commutative.
Graph commuted(const Graph& graph) {
  Graph result(graph.ops());
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> inputs = node.inputs;
    const bool ordered = node.kind == NodeKind::op && (node.op->name == "sub" || node.op->name == "div");
    if (ordered && graph.spec(inputs[0]) == graph.spec(inputs[1])) std::swap(inputs[0], inputs[1]);
    result.adopt(node, std::move(inputs));
  }
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(id));
  for (const auto& [state, id] : graph.updates()) result.update(result.value(state), result.value(id));
  return result;
}

Graph last_update_lost(const Graph& graph) {
  Graph result(graph.ops());
  for (const Node& node : graph.nodes()) result.adopt(node, node.inputs);
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(id));
  for (const auto& [state, id] : graph.updates()) {
    if (state != graph.updates().back().first) result.update(result.value(state), result.value(id));
  }
  return result;
}

// States of one spec take each other's successors.
Graph successors_exchanged(const Graph& graph) {
  std::vector<std::pair<ValueId, ValueId>> updates(graph.updates().begin(), graph.updates().end());
  for (std::size_t i = 0; i < updates.size(); ++i) {
    for (std::size_t j = i + 1; j < updates.size(); ++j) {
      if (graph.spec(updates[i].second) != graph.spec(updates[j].second)) continue;
      std::swap(updates[i].second, updates[j].second);
      break;
    }
  }
  Graph result(graph.ops());
  for (const Node& node : graph.nodes()) result.adopt(node, node.inputs);
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(id));
  for (const auto& [state, id] : updates) result.update(result.value(state), result.value(id));
  return result;
}

}  // namespace

std::vector<GraphRewrite> wrong_rewrites() {
  return {
      {"merged though settings differ", "", settings_not_compared},
      {"merged though operands differ", "", first_operand_compared},
      {"constants merged", "", constants_merged},
      {"one of two cotangents kept", "", one_cotangent_kept},
      {"constant factors dropped", "", factors_dropped},
      {"differences commuted", "alibaba/heterogeneity-aware-lowering-and-optimization#643", commuted},
      {"last update lost", "", last_update_lost},
      {"successors exchanged", "", successors_exchanged},
  };
}

}  // namespace assay::faults
