// Reverse-mode differentiation as a graph transformation: a reverse walk in which each op's derivative rule
// emits ordinary ops, and the framework accumulates (article, "The Calculus of Blame": ∂f/∂x_i = Σ_j ∂f/∂g_j
// · ∂g_j/∂x_i).
#pragma once

#include <map>
#include <span>
#include <vector>

#include "assay/graph/graph.h"

namespace assay {

/// What a derivative rule sees: the node's operands and results, and the cotangents of its outputs.
class Vjp {
 public:
  Vjp(Graph& graph, std::int32_t node, std::span<const Value> cotangents, std::span<const bool> wanted);

  Graph& graph() const { return graph_; }
  const Fields& fields() const;
  std::size_t input_count() const;
  Value input(std::size_t i) const;
  Value output(std::size_t i = 0) const;
  /// ∂L/∂output(i); a zero constant where the loss does not depend on that output.
  Value cotangent(std::size_t i = 0);
  bool has_cotangent(std::size_t i) const { return static_cast<bool>(cotangents_[i]); }
  /// Whether anything asks for the cotangent of input i; emitting it otherwise is harmless but wasteful.
  bool wanted(std::size_t i) const { return wanted_[i]; }
  /// Adds a contribution to ∂L/∂input(i). Throws Error if its spec is not the input's: a broadcast must be
  /// summed away.
  void add(std::size_t i, Value contribution);

  std::span<const Value> contributions() const { return contributions_; }

 private:
  Graph& graph_;
  std::int32_t node_;
  std::vector<Value> cotangents_;
  std::vector<char> wanted_;
  std::vector<Value> contributions_;
};

/// Cotangents by value, for all values that the walk passed.
class Cotangents {
 public:
  /// ∂L/∂value, or an empty Value where the loss does not depend on it.
  Value find(Value value) const;

 private:
  friend Cotangents differentiate(std::span<const Value>, std::span<const Value>, std::span<const Value>);
  std::map<ValueId, Value> cotangents_;
};

/// Pulls `seeds` (∂L/∂outputs) back to every value on a path from `wanted` to `outputs`, appending nodes to
/// the graph. Throws Error naming op and layer where a derivative is needed through an op that has none.
Cotangents differentiate(std::span<const Value> outputs, std::span<const Value> seeds,
                         std::span<const Value> wanted);

/// The same for a scalar loss with seed 1. Throws Error if the loss is not a scalar.
Cotangents differentiate(Value loss, std::span<const Value> wanted);

}  // namespace assay
