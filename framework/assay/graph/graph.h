// Graph: static single assignment nodes, each an op applied to values, with specs inferred as nodes are
// added. Nodes never change once added; passes build new graphs. A graph does not execute: see
// program/program.h.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assay/core/shape.h"
#include "assay/graph/op.h"

namespace assay {

class Graph;

/// Output `output` of node `node`.
struct ValueId {
  std::int32_t node = -1;
  std::int32_t output = 0;
  friend auto operator<=>(const ValueId&, const ValueId&) = default;
};

/// A value of a graph that is being built: a handle, cheap to copy. Functions such as `mul(a, b)` take and
/// return these.
class Value {
 public:
  Value() = default;
  Value(Graph* graph, ValueId id) : graph_(graph), id_(id) {}

  explicit operator bool() const { return graph_ != nullptr; }
  Graph& graph() const { return *graph_; }
  ValueId id() const { return id_; }
  const Spec& spec() const;
  const Shape& shape() const { return spec().shape; }
  DType dtype() const { return spec().dtype; }
  friend bool operator==(const Value& a, const Value& b) { return a.graph_ == b.graph_ && a.id_ == b.id_; }

 private:
  Graph* graph_ = nullptr;
  ValueId id_;
};

enum class NodeKind : std::uint8_t { op, input, state, constant };

struct Node {
  NodeKind kind = NodeKind::op;
  const OpDef* op = nullptr;  ///< null unless kind is op
  Fields fields;              ///< complete
  std::vector<ValueId> inputs;
  std::vector<Spec> outputs;
  std::string name;       ///< of an input or a state value
  double constant = 0.0;  ///< every element of a constant
  std::string scope;      ///< the layer (or "loss", "optimizer") that it was built for
  bool backward = false;  ///< built by differentiation

  std::string_view label() const;  ///< the op's name, or "input", "state", "constant"
};

class Graph {
 public:
  /// The table outlives the graph.
  explicit Graph(const OpTable& ops) : ops_(&ops) {}
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;

  /// A value that the caller provides before every run. Throws Error for a name that is taken by another
  /// spec; the same name with the same spec is the same value.
  Value input(std::string_view name, const Spec& spec);
  /// A value that outlives a run: a parameter, a moment, a running statistic. Same rule for names.
  Value state(std::string_view name, const Spec& spec);
  /// A tensor filled with one number.
  Value constant(double number, DType dtype, const Shape& shape = {});

  /// Applies an op. Fields that are left out take their defaults. Throws Error in the context of op and
  /// scope.
  Value apply(std::string_view op, std::span<const Value> inputs, const Fields& fields = {});
  Value apply(std::string_view op, std::initializer_list<Value> inputs, const Fields& fields = {}) {
    return apply(op, std::span<const Value>(inputs.begin(), inputs.size()), fields);
  }
  /// The same, returning every output.
  std::vector<Value> apply_all(std::string_view op, std::span<const Value> inputs, const Fields& fields = {});
  std::vector<Value> apply_all(std::string_view op, std::initializer_list<Value> inputs,
                               const Fields& fields = {}) {
    return apply_all(op, std::span<const Value>(inputs.begin(), inputs.size()), fields);
  }

  /// Appends a copy of another graph's node on operands of this one. REQUIRES: the operands have the specs of
  /// the node's own.
  void adopt(const Node& node, std::vector<ValueId> inputs);

  /// Names a value that can be read after a run. Throws Error for a name that is taken.
  void output(std::string_view name, Value value);
  /// The value that a state has after a run. Throws Error if the specs differ or the state already has a
  /// successor.
  void update(Value state, Value successor);

  const std::deque<Node>& nodes() const { return nodes_; }
  const Node& node(ValueId id) const { return nodes_[static_cast<std::size_t>(id.node)]; }
  const Spec& spec(ValueId id) const { return node(id).outputs[static_cast<std::size_t>(id.output)]; }
  std::span<const std::pair<std::string, ValueId>> outputs() const { return outputs_; }
  std::span<const std::pair<ValueId, ValueId>> updates() const { return updates_; }  ///< (state, successor)
  ValueId find_output(std::string_view name) const;  ///< node -1 where there is none
  const OpTable& ops() const { return *ops_; }
  Value value(ValueId id) { return {this, id}; }

  /// Nodes added while a Scope lives carry its name ("a/b" when nested).
  class Scope {
   public:
    Scope(Graph& graph, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Graph& graph_;
    std::string previous_;
  };
  const std::string& scope() const { return scope_; }
  void set_scope(std::string scope) { scope_ = std::move(scope); }
  void set_backward(bool backward) { backward_ = backward; }

  /// One line per node: "%3 = linear(%0, %1, %2) {..} : f32[4, 2]  # hidden".
  std::string to_string() const;

 private:
  Value source(NodeKind kind, std::string_view name, const Spec& spec);

  const OpTable* ops_;
  std::deque<Node> nodes_;
  std::vector<std::pair<std::string, ValueId>> outputs_;
  std::vector<std::pair<ValueId, ValueId>> updates_;
  std::string scope_;
  bool backward_ = false;
};

}  // namespace assay
