#include "assay/program/schedule.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

namespace assay {
namespace {

// Whether the node leaves much less alive than it needs.
bool shrinks(const Graph& graph, const Node& node) {
  std::size_t in = 0, out = 0;
  for (ValueId id : node.inputs) in = std::max(in, graph.spec(id).bytes());
  for (const Spec& spec : node.outputs) out += spec.bytes();
  return out * 4 <= in;
}

}  // namespace

Graph schedule(const Graph& graph, std::vector<std::string>& notes) {
  const std::size_t count = graph.nodes().size();
  std::vector<char> observed(count, 0);  // an output of the graph depends on the node
  for (const auto& [name, id] : graph.outputs()) observed[id.node] = 1;
  for (std::size_t n = count; n-- > 0;) {
    if (!observed[n]) continue;
    for (ValueId id : graph.nodes()[n].inputs) observed[id.node] = 1;
  }

  std::map<std::int32_t, std::vector<std::int32_t>> writes;  // node → the states whose successors it makes
  for (const auto& [state, successor] : graph.updates()) writes[successor.node].push_back(state.node);
  std::map<std::int32_t, std::vector<std::int32_t>> readers;  // state node → its readers
  for (std::size_t n = 0; n < count; ++n) {
    for (ValueId id : graph.nodes()[n].inputs) {
      if (graph.node(id).kind == NodeKind::state) readers[id.node].push_back(static_cast<std::int32_t>(n));
    }
  }

  // rank[n]: the original position after which n may run. Nodes precede their readers, so one pass suffices;
  // the old value of a state may be read by a node further down, whose own position then counts.
  std::vector<std::int32_t> rank(count);
  for (std::size_t n = 0; n < count; ++n) {
    const Node& node = graph.nodes()[n];
    const auto self = static_cast<std::int32_t>(n);
    rank[n] = self;
    if (node.kind != NodeKind::op || (observed[n] && !shrinks(graph, node))) continue;
    std::int32_t earliest = 0;
    for (ValueId id : node.inputs) {
      if (graph.node(id).kind == NodeKind::op) earliest = std::max(earliest, rank[id.node]);
    }
    if (const auto written = writes.find(self); written != writes.end()) {
      for (std::int32_t state : written->second) {
        for (std::int32_t reader : readers[state]) {
          if (reader != self) earliest = std::max(earliest, reader < self ? rank[reader] : reader);
        }
      }
    }
    rank[n] = std::min(earliest, self);
  }

  std::vector<std::int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  // Sources first: they are not executed. Ties keep the original order, in which operands precede their
  // readers.
  std::ranges::stable_sort(order, {}, [&](std::int32_t n) {
    return graph.nodes()[n].kind == NodeKind::op ? rank[n] : std::int32_t{-1};
  });

  Graph result(graph.ops());
  std::vector<std::string> permuted;
  std::vector<std::int32_t> renamed(count);
  const auto rename = [&](ValueId id) { return ValueId{renamed[id.node], id.output}; };
  for (std::int32_t n : order) {
    renamed[n] = static_cast<std::int32_t>(result.nodes().size());
    std::vector<ValueId> inputs;
    for (ValueId id : graph.nodes()[n].inputs) inputs.push_back(rename(id));
    result.adopt(graph.nodes()[n], std::move(inputs));
    permuted.push_back(std::move(notes[n]));
  }
  for (const auto& [name, id] : graph.outputs()) result.output(name, result.value(rename(id)));
  for (const auto& [state, id] : graph.updates())
    result.update(result.value(rename(state)), result.value(rename(id)));
  notes = std::move(permuted);
  return result;
}

}  // namespace assay
