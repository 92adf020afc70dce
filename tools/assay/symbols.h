// Symbols: what the values of a trace graph are called on paper. A chain of dense layers and activations
// takes the article's notation, x, W⁽ℓ⁾, b⁽ℓ⁾, z⁽ℓ⁾, a⁽ℓ⁾, ŷ, δ⁽ℓ⁾; any other model is written with the names
// of its layers.
#pragma once

#include <map>
#include <set>
#include <string>

#include "assay/graph/graph.h"

namespace assay::cli {

class Symbols {
 public:
  /// The graph's outputs carry the names of a trace: <layer>.output, grad/<layer>.<parameter>, ...
  explicit Symbols(const Graph& graph);

  const std::string& of(ValueId id) const;
  /// The value's name in a trace, or "".
  std::string name_of(ValueId id) const;
  /// Whether it is the cotangent of a layer's output, which the article reads without the loss's 1/B.
  bool is_delta(ValueId id) const { return deltas_.contains(id); }

 private:
  void name_layers(const Graph& graph);
  std::map<ValueId, std::string> symbols_;
  std::map<ValueId, std::string> names_;
  std::set<ValueId> deltas_;
};

/// "⁽12⁾".
std::string superscript(int number);

}  // namespace assay::cli
