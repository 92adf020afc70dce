#include "assay/graph/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {
namespace {

std::string describe(std::span<const Spec> specs) {
  std::string text;
  for (const Spec& spec : specs) text += (text.empty() ? "" : ", ") + spec.to_string();
  return text;
}

// How many inputs the op takes at least and at most, by the marks on their names.
std::pair<std::size_t, std::size_t> arity(const OpDef& op) {
  std::size_t least = 0;
  std::size_t most = op.inputs.size();
  for (const std::string& name : op.inputs) {
    if (name.ends_with('*')) most = static_cast<std::size_t>(-1);
    if (!name.ends_with('?')) ++least;
  }
  return {least, most};
}

}  // namespace

std::string_view Node::label() const {
  switch (kind) {
    case NodeKind::op:
      return op->name;
    case NodeKind::input:
      return "input";
    case NodeKind::state:
      return "state";
    case NodeKind::constant:
      return "constant";
  }
  return "";
}

const Spec& Value::spec() const {
  if (graph_ == nullptr)
    throw Error("a Value that was never given one is used").help("it stands for nothing yet");
  return graph_->spec(id_);
}

Value Graph::source(NodeKind kind, std::string_view name, const Spec& spec) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if ((node.kind != NodeKind::input && node.kind != NodeKind::state) || node.name != name) continue;
    if (node.kind != kind || node.outputs[0] != spec) {
      throw Error(fmt::format("'{}' is both {} {} and {} {}", name, node.label(), node.outputs[0].to_string(),
                              kind == NodeKind::input ? "input" : "state", spec.to_string()));
    }
    return {this, {static_cast<std::int32_t>(i), 0}};
  }
  Node node;
  node.kind = kind;
  node.name = name;
  node.outputs = {spec};
  node.scope = scope_;
  nodes_.push_back(std::move(node));
  return {this, {static_cast<std::int32_t>(nodes_.size() - 1), 0}};
}

Value Graph::input(std::string_view name, const Spec& spec) { return source(NodeKind::input, name, spec); }
Value Graph::state(std::string_view name, const Spec& spec) { return source(NodeKind::state, name, spec); }

Value Graph::constant(double number, DType dtype, const Shape& shape) {
  Node node;
  node.kind = NodeKind::constant;
  node.constant = number;
  node.outputs = {Spec{dtype, shape}};
  node.scope = scope_;
  node.backward = backward_;
  nodes_.push_back(std::move(node));
  return {this, {static_cast<std::int32_t>(nodes_.size() - 1), 0}};
}

std::vector<Value> Graph::apply_all(std::string_view name, std::span<const Value> inputs,
                                    const Fields& fields) {
  Node node;
  node.op = &ops_->at(name);
  std::vector<Spec> specs;
  for (const Value& input : inputs) {
    if (!input || &input.graph() != this)
      throw Error(fmt::format("an operand of op '{}' is not of this graph", name));
    node.inputs.push_back(input.id());
    specs.push_back(input.spec());
  }
  try {
    const auto [least, most] = arity(*node.op);
    if (inputs.size() < least || inputs.size() > most) {
      throw Error(
          fmt::format("{} operands where op '{}' takes ({})", inputs.size(), name, join(node.op->inputs)));
    }
    node.fields = complete(node.op->fields, fields, fmt::format("op '{}'", name));
    node.outputs = node.op->infer(Call{specs, node.fields});
    if (node.outputs.size() != node.op->outputs.size()) {
      throw Error(fmt::format("the shape rule of op '{}' gives {} specs for its outputs ({})", name,
                              node.outputs.size(), join(node.op->outputs)));
    }
  } catch (Error& error) {
    error.in(fmt::format("op '{}' on ({})", name, describe(specs)));
    if (!scope_.empty()) error.in(fmt::format("'{}'", scope_));
    throw;
  }
  node.scope = scope_;
  node.backward = backward_;
  nodes_.push_back(std::move(node));
  std::vector<Value> results;
  for (std::size_t i = 0; i < nodes_.back().outputs.size(); ++i) {
    results.emplace_back(this,
                         ValueId{static_cast<std::int32_t>(nodes_.size() - 1), static_cast<std::int32_t>(i)});
  }
  return results;
}

Value Graph::apply(std::string_view op, std::span<const Value> inputs, const Fields& fields) {
  return apply_all(op, inputs, fields).front();
}

void Graph::adopt(const Node& node, std::vector<ValueId> inputs) {
  nodes_.push_back(node);
  nodes_.back().inputs = std::move(inputs);
}

void Graph::output(std::string_view name, Value value) {
  if (find_output(name).node >= 0) throw Error(fmt::format("two outputs of the graph are named '{}'", name));
  outputs_.emplace_back(name, value.id());
}

void Graph::update(Value state, Value successor) {
  const Node& node = this->node(state.id());
  if (node.kind != NodeKind::state)
    throw Error(fmt::format("'{}' is not a state and has no successor", node.label()));
  if (state.spec() != successor.spec()) {
    throw Error(fmt::format("state '{}' is {} but its successor is {}", node.name, state.spec().to_string(),
                            successor.spec().to_string()));
  }
  for (const auto& [known, next] : updates_) {
    if (known == state.id()) throw Error(fmt::format("state '{}' has two successors", node.name));
  }
  updates_.emplace_back(state.id(), successor.id());
}

ValueId Graph::find_output(std::string_view name) const {
  for (const auto& [known, id] : outputs_) {
    if (known == name) return id;
  }
  return {};
}

Graph::Scope::Scope(Graph& graph, std::string_view name) : graph_(graph), previous_(graph.scope_) {
  graph_.scope_ = previous_.empty() ? std::string(name) : previous_ + "/" + std::string(name);
}
Graph::Scope::~Scope() { graph_.scope_ = std::move(previous_); }

std::string Graph::to_string() const {
  const auto reference = [](ValueId id) {
    return id.output == 0 ? fmt::format("%{}", id.node) : fmt::format("%{}.{}", id.node, id.output);
  };
  std::string text;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    std::string operands;
    for (ValueId id : node.inputs) operands += (operands.empty() ? "" : ", ") + reference(id);
    if (node.kind == NodeKind::constant) operands = fmt::format("{}", node.constant);
    if (!node.name.empty()) operands = node.name;
    text += fmt::format("%{} = {}({}) {}: {}{}\n", i, node.label(), operands,
                        node.fields.items().empty() ? "" : node.fields.to_string() + " ",
                        describe(node.outputs), node.scope.empty() ? "" : "  # " + node.scope);
  }
  for (const auto& [name, id] : outputs_) text += fmt::format("output {} = {}\n", name, reference(id));
  for (const auto& [state, id] : updates_)
    text += fmt::format("update {} = {}\n", node(state).name, reference(id));
  return text;
}

}  // namespace assay
