#include "assay/program/state_readers.h"

#include <algorithm>

namespace assay {
namespace {

// Whether the node reads one tensor, and scalars besides.
bool is_scaling(const Graph& graph, const Node& node) {
  return std::ranges::count_if(node.inputs, [&](ValueId id) { return graph.spec(id).count() > 1; }) == 1;
}

}  // namespace

StateReaders state_readers(const Graph& graph) {
  StateReaders readers;
  std::map<std::int32_t, ValueId> successors;  // node → the state whose successor it makes
  for (const auto& [state, id] : graph.updates()) successors.emplace(id.node, state);
  std::map<std::int32_t, int> others;  // state → its readers but those
  // From the last node to the first: a gradient may be scaled before it reaches the update.
  for (auto n = static_cast<std::int32_t>(graph.nodes().size()); n-- > 0;) {
    const Node& node = graph.node({n, 0});
    const auto made = successors.find(n);
    const auto scaled = readers.changes.find({n, 0});
    for (const ValueId id : node.inputs) {
      if (graph.node(id).kind == NodeKind::state) {
        if (made == successors.end() || made->second != id) ++others[id.node];
      } else if (made != successors.end() && graph.spec(id) == graph.spec(made->second)) {
        readers.changes.emplace(id, made->second);
      } else if (scaled != readers.changes.end() && graph.spec(id) == node.outputs[0] &&
                 is_scaling(graph, node)) {
        readers.changes.emplace(id, scaled->second);
      }
    }
  }
  for (const auto& [state, id] : graph.updates()) {
    if (others[state.node] == 1) readers.read_once.insert(state);
  }
  return readers;
}

}  // namespace assay
