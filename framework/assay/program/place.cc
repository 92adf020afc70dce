#include "assay/program/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "assay/core/error.h"

namespace assay {
namespace {

// The reason why the backend refuses this node alone, or nothing.
std::optional<std::string> refusal_of(const Graph& graph, std::int32_t n, const Backend& backend) {
  const std::int32_t nodes[] = {n};
  const Offer offer = backend.offer(make_site(graph, nodes).site);
  if (const auto* refusal = std::get_if<Refusal>(&offer)) return refusal->reason;
  return std::nullopt;
}

// Whether the backend takes every op of the node's expansion.
bool takes_expansion(const Graph& graph, const Node& node, const Backend& backend) {
  Graph trial(graph.ops());
  std::vector<Value> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    inputs.push_back(trial.input(fmt::format("{}", i), graph.spec(node.inputs[i])));
  }
  node.op->expand(inputs, node.fields);
  for (std::size_t n = 0; n < trial.nodes().size(); ++n) {
    const Node& part = trial.nodes()[n];
    if (part.kind != NodeKind::op || part.op->view) continue;
    if (refusal_of(trial, static_cast<std::int32_t>(n), backend)) return false;
  }
  return true;
}

bool accepts(const std::vector<std::string>& names, const Node& node) {
  return node.kind == NodeKind::op && std::ranges::find(names, node.op->name) != names.end();
}

// Match::turn, or -1 where an op of the chain reads what is not there by then.
std::int32_t turn_of(const Graph& graph, const std::vector<std::int32_t>& chain) {
  const auto turn = std::find_if(chain.begin(), chain.end() - 1, [&](std::int32_t n) {
    return graph.node({n, 0}).outputs.size() > 1;
  });
  for (auto n = turn + 1; turn != chain.end() - 1 && n != chain.end(); ++n) {
    for (const ValueId id : graph.node({*n, 0}).inputs) {
      if (id.node > *turn && std::ranges::find(chain, id.node) == chain.end()) return -1;
    }
  }
  return *turn;
}

}  // namespace

BoundSite make_site(const Graph& graph, std::span<const std::int32_t> nodes) {
  BoundSite bound;
  std::map<std::int32_t, int> position;
  for (std::int32_t n : nodes) {
    const Node& node = graph.node({n, 0});
    SiteOp op;
    op.op = node.op;
    op.fields = &node.fields;
    op.outputs = node.outputs;
    for (ValueId id : node.inputs) {
      op.inputs.push_back(graph.spec(id));
      const auto inside = position.find(id.node);
      if (inside != position.end()) {
        op.operands.push_back({inside->second, id.output});
        continue;
      }
      op.operands.push_back({-1, static_cast<int>(bound.inputs.size())});
      bound.inputs.push_back(id);
      bound.site.inputs.push_back({graph.spec(id), {}, false});
    }
    position[n] = static_cast<int>(bound.site.ops.size());
    bound.site.ops.push_back(std::move(op));
  }
  const auto add_outputs = [&](std::int32_t n, std::size_t first) {
    const std::vector<Spec>& specs = graph.node({n, 0}).outputs;
    for (std::size_t o = first; o < specs.size(); ++o) {
      bound.outputs.push_back({n, static_cast<std::int32_t>(o)});
      bound.site.outputs.push_back({specs[o], {}, false});
    }
  };
  add_outputs(nodes.back(), 0);
  for (std::int32_t n : nodes.first(nodes.size() - 1)) add_outputs(n, 1);
  return bound;
}

Expanded expand_refused(const Graph& graph, const Backend& chosen) {
  Expanded result{Graph(graph.ops()), {}};
  Graph& out = result.graph;
  std::map<ValueId, ValueId> renamed;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    const auto id = static_cast<std::int32_t>(n);
    std::optional<std::string> reason;
    if (node.kind == NodeKind::op && node.op->expand && !node.op->view)
      reason = refusal_of(graph, id, chosen);
    if (reason && takes_expansion(graph, node, chosen)) {
      std::vector<Value> inputs;
      for (ValueId input : node.inputs) inputs.push_back(out.value(renamed.at(input)));
      out.set_scope(node.scope);
      out.set_backward(node.backward);
      const std::vector<Value> outputs = node.op->expand(inputs, node.fields);
      for (std::size_t o = 0; o < outputs.size(); ++o)
        renamed[{id, static_cast<std::int32_t>(o)}] = outputs[o].id();
      result.origins.resize(out.nodes().size(),
                            fmt::format("{} ({}: {})", node.op->name, chosen.name(), *reason));
      continue;
    }
    std::vector<ValueId> inputs;
    for (ValueId input : node.inputs) inputs.push_back(renamed.at(input));
    out.adopt(node, std::move(inputs));
    result.origins.resize(out.nodes().size());
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const auto output = static_cast<std::int32_t>(o);
      renamed[{id, output}] = {static_cast<std::int32_t>(out.nodes().size() - 1), output};
    }
  }
  out.set_scope("");
  out.set_backward(false);
  for (const auto& [name, id] : graph.outputs()) out.output(name, out.value(renamed.at(id)));
  for (const auto& [state, id] : graph.updates())
    out.update(out.value(renamed.at(state)), out.value(renamed.at(id)));
  return result;
}

std::vector<Match> match_patterns(const Graph& graph, const Backend& backend) {
  std::vector<Pattern> patterns(backend.patterns().begin(), backend.patterns().end());
  std::ranges::stable_sort(patterns, std::greater<>(), [](const Pattern& p) { return p.steps.size(); });

  std::map<ValueId, std::vector<std::int32_t>> readers;
  std::set<ValueId> other_uses;  // as graph outputs or successors
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    for (ValueId id : graph.nodes()[n].inputs) readers[id].push_back(static_cast<std::int32_t>(n));
  }
  for (const auto& [name, id] : graph.outputs()) other_uses.insert(id);
  for (const auto& [state, id] : graph.updates()) other_uses.insert(id);

  // The one node that reads output 0 of `n`, if that has no other use.
  const auto only_reader = [&](std::int32_t n) -> std::int32_t {
    if (other_uses.contains({n, 0})) return -1;
    const auto it = readers.find({n, 0});
    return it != readers.end() && it->second.size() == 1 ? it->second.front() : -1;
  };

  std::vector<char> taken(graph.nodes().size(), 0);
  std::vector<Match> matches;
  for (std::size_t start = 0; start < graph.nodes().size(); ++start) {
    for (const Pattern& pattern : patterns) {
      if (pattern.steps.empty()) continue;
      std::vector<std::int32_t> chain{static_cast<std::int32_t>(start)};
      bool fits = !taken[start] && accepts(pattern.steps.front(), graph.nodes()[start]);
      for (std::size_t k = 1; fits && k < pattern.steps.size(); ++k) {
        const std::int32_t next = only_reader(chain.back());
        fits = next >= 0 && !taken[next] && accepts(pattern.steps[k], graph.node({next, 0}));
        if (fits) chain.push_back(next);
      }
      if (!fits || chain.size() < 2) continue;
      const std::int32_t turn = turn_of(graph, chain);
      if (turn < 0) continue;
      for (std::int32_t n : chain) taken[n] = 1;
      matches.push_back({std::move(chain), pattern.name, turn});
      break;
    }
  }
  return matches;
}

}  // namespace assay
