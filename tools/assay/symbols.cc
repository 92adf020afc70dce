#include "assay/symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace assay::cli {
namespace {

struct LayerOutput {
  std::string layer;
  ValueId id;
};

bool affine(const Node& node) { return node.kind == NodeKind::op && node.op->name == "linear"; }
bool elementwise(const Node& node) {
  return node.kind == NodeKind::op && node.inputs.size() == 1 && node.op->activation;
}

}  // namespace

std::string superscript(int number) {
  static const char* const kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = "⁽";
  for (char digit : std::to_string(number)) text += kDigits[digit - '0'];
  return text + "⁾";
}

Symbols::Symbols(const Graph& graph) {
  for (const auto& [name, id] : graph.outputs()) {
    // A value may have several names; the first that is not a plain input's is the one to show.
    names_.try_emplace(id, name);
  }
  name_layers(graph);
  int temporaries = 0;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const ValueId id{static_cast<std::int32_t>(n), static_cast<std::int32_t>(o)};
      if (symbols_.contains(id)) continue;
      if (const auto named = names_.find(id); named != names_.end()) {
        const std::string& name = named->second;
        symbols_[id] = name == "loss" ? "L" : name.starts_with("grad/") ? "∂L/∂" + name.substr(5) : name;
      } else if (node.kind != NodeKind::op) {
        symbols_[id] = node.name;
      } else {
        symbols_[id] = fmt::format("t{}", ++temporaries);
      }
    }
  }
}

void Symbols::name_layers(const Graph& graph) {
  const auto set = [&](const std::string& name, const std::string& symbol, bool delta = false) {
    const ValueId id = graph.find_output(name);
    if (id.node < 0 || symbols_.contains(id)) return;
    symbols_[id] = symbol;
    if (delta) deltas_.insert(id);
  };
  std::vector<LayerOutput> layers;
  bool chain = true;
  for (const auto& [name, id] : graph.outputs()) {
    if (name.starts_with("grad/") || !name.ends_with(".output")) continue;
    layers.push_back({name.substr(0, name.size() - 7), id});
    chain = chain && (affine(graph.node(id)) || elementwise(graph.node(id)));
  }
  std::ranges::stable_sort(layers, {}, [](const LayerOutput& layer) { return layer.id; });
  if (!chain || layers.empty()) {
    for (const LayerOutput& layer : layers)
      deltas_.insert(graph.find_output("grad/" + layer.layer + ".output"));
    return;
  }
  set("input", "x");
  set("target", "y");
  int index = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string& layer = layers[i].layer;
    const bool last = i + 1 == layers.size();
    if (affine(graph.node(layers[i].id))) {
      const std::string level = superscript(++index);
      set(layer + ".weight", "W" + level);
      set(layer + ".bias", "b" + level);
      set("grad/" + layer + ".weight", "∂L/∂W" + level);
      set("grad/" + layer + ".output", "δ" + level, true);
      set("grad/" + layer + ".bias", "∂L/∂b" + level);
      set(layer + ".output", last ? "ŷ" : "z" + level);
    } else {
      set(layer + ".output", last ? "ŷ" : "a" + superscript(index));
      set("grad/" + layer + ".output", last ? "∂L/∂ŷ" : "∂L/∂a" + superscript(index));
    }
  }
  set("grad/input", "∂L/∂x");
  set("loss", "L");
}

const std::string& Symbols::of(ValueId id) const { return symbols_.at(id); }

std::string Symbols::name_of(ValueId id) const {
  const auto it = names_.find(id);
  return it == names_.end() ? "" : it->second;
}

}  // namespace assay::cli
