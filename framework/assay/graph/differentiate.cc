#include "assay/graph/differentiate.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "assay/core/error.h"

namespace assay {

Vjp::Vjp(Graph& graph, std::int32_t node, std::span<const Value> cotangents, std::span<const bool> wanted)
    : graph_(graph),
      node_(node),
      cotangents_(cotangents.begin(), cotangents.end()),
      wanted_(wanted.begin(), wanted.end()),
      contributions_(wanted.size()) {}

namespace {

// A rule that speaks of an operand or a result that its op does not have.
void require_within(const Node& node, std::string_view what, std::size_t i, std::size_t count) {
  if (i < count) return;
  throw Error(fmt::format("the derivative rule of op '{}' speaks of {} {}, and there are {}, counted from 0",
                          node.op->name, what, i, count));
}

}  // namespace

const Fields& Vjp::fields() const { return graph_.node({node_, 0}).fields; }
std::size_t Vjp::input_count() const { return graph_.node({node_, 0}).inputs.size(); }
Value Vjp::input(std::size_t i) const {
  const Node& node = graph_.node({node_, 0});
  require_within(node, "input", i, node.inputs.size());
  return graph_.value(node.inputs[i]);
}
Value Vjp::output(std::size_t i) const {
  const Node& node = graph_.node({node_, 0});
  require_within(node, "output", i, node.outputs.size());
  return graph_.value({node_, static_cast<std::int32_t>(i)});
}

Value Vjp::cotangent(std::size_t i) {
  require_within(graph_.node({node_, 0}), "output", i, cotangents_.size());
  if (!cotangents_[i]) cotangents_[i] = graph_.constant(0.0, output(i).dtype(), output(i).shape());
  return cotangents_[i];
}

void Vjp::add(std::size_t i, Value contribution) {
  if (contribution.spec() != input(i).spec()) {
    throw Error(fmt::format("the derivative rule of op '{}' gives {} for input {}, which is {}",
                            graph_.node({node_, 0}).op->name, contribution.spec().to_string(), i,
                            input(i).spec().to_string()));
  }
  contributions_[i] =
      contributions_[i] ? graph_.apply("add", {contributions_[i], contribution}) : contribution;
}

Value Cotangents::find(Value value) const {
  const auto it = cotangents_.find(value.id());
  return it == cotangents_.end() ? Value() : it->second;
}

namespace {

bool blocked(const OpDef& op, std::size_t input) {
  return std::ranges::find(op.undifferentiated, static_cast<int>(input)) != op.undifferentiated.end();
}

class ReverseWalk {
 public:
  explicit ReverseWalk(Graph& graph) : graph_(graph) {}

  void want(ValueId id) { needed_.insert(id); }

  // Marks every value that depends on a wanted one, among nodes [first, last).
  void mark(std::int32_t first, std::int32_t last) {
    for (std::int32_t n = first; n < last; ++n) {
      const Node& node = graph_.node({n, 0});
      if (node.kind != NodeKind::op) continue;
      bool depends = false;
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        depends = depends || (needed_.contains(node.inputs[i]) && !blocked(*node.op, i));
      }
      if (!depends) continue;
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        if (is_real(node.outputs[o].dtype)) needed_.insert({n, static_cast<std::int32_t>(o)});
      }
    }
  }

  void accumulate(ValueId id, Value contribution) {
    Value& total = cotangents[id];
    total = total ? graph_.apply("add", {total, contribution}) : contribution;
  }

  // Visits nodes [first, last) from the last to the first.
  void pull_back(std::int32_t first, std::int32_t last) {
    for (std::int32_t n = last - 1; n >= first; --n) visit(n);
  }

  std::map<ValueId, Value> cotangents;

 private:
  void visit(std::int32_t n) {
    const Node& node = graph_.node({n, 0});
    if (node.kind != NodeKind::op) return;
    std::vector<Value> outputs(node.outputs.size());
    bool reached = false;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const auto it = cotangents.find({n, static_cast<std::int32_t>(o)});
      if (it == cotangents.end()) continue;
      outputs[o] = it->second;
      reached = true;
    }
    if (!reached) return;
    const auto wanted = std::make_unique<bool[]>(node.inputs.size());
    bool any = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      wanted[i] = needed_.contains(node.inputs[i]) && !blocked(*node.op, i);
      any = any || wanted[i];
    }
    if (!any) return;
    const std::string previous = graph_.scope();
    graph_.set_scope(node.scope);
    try {
      differentiate_node(n, outputs, {wanted.get(), node.inputs.size()});
    } catch (Error& error) {
      graph_.set_scope(previous);
      error.in(fmt::format("derivative of op '{}'{}", node.op->name,
                           node.scope.empty() ? "" : fmt::format(" in '{}'", node.scope)));
      throw;
    }
    graph_.set_scope(previous);
  }

  void differentiate_node(std::int32_t n, std::span<const Value> outputs, std::span<const bool> wanted) {
    const Node& node = graph_.node({n, 0});
    if (node.op->derivative) {
      Vjp vjp(graph_, n, outputs, wanted);
      node.op->derivative(vjp);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (wanted[i] && vjp.contributions()[i]) accumulate(node.inputs[i], vjp.contributions()[i]);
      }
      return;
    }
    if (!node.op->expand) {
      throw Error(
          fmt::format("op '{}' has no derivative rule, but a derivative through it is needed", node.op->name))
          .note("ops that are themselves derivatives, such as max_pool2d_grad, are not differentiable twice");
    }
    // Differentiated through its expansion: the finer ops are built again on the same operands, and walked.
    std::vector<Value> operands;
    for (ValueId id : node.inputs) operands.push_back(graph_.value(id));
    const auto first = static_cast<std::int32_t>(graph_.nodes().size());
    const std::vector<Value> results = node.op->expand(operands, node.fields);
    const auto last = static_cast<std::int32_t>(graph_.nodes().size());
    mark(first, last);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      if (outputs[o]) accumulate(results[o].id(), outputs[o]);
    }
    pull_back(first, last);
  }

  Graph& graph_;
  std::set<ValueId> needed_;
};

}  // namespace

Cotangents differentiate(std::span<const Value> outputs, std::span<const Value> seeds,
                         std::span<const Value> wanted) {
  Cotangents result;
  if (outputs.empty()) return result;
  Graph& graph = outputs.front().graph();
  const auto last = static_cast<std::int32_t>(graph.nodes().size());
  ReverseWalk walk(graph);
  for (const Value& value : wanted) walk.want(value.id());
  walk.mark(0, last);
  graph.set_backward(true);
  try {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (seeds[i].spec() != outputs[i].spec()) {
        throw Error(fmt::format("a seed of {} for an output of {}", seeds[i].spec().to_string(),
                                outputs[i].spec().to_string()));
      }
      walk.accumulate(outputs[i].id(), seeds[i]);
    }
    walk.pull_back(0, last);
  } catch (...) {
    graph.set_backward(false);
    throw;
  }
  graph.set_backward(false);
  result.cotangents_ = std::move(walk.cotangents);
  return result;
}

Cotangents differentiate(Value loss, std::span<const Value> wanted) {
  if (loss.shape().rank() != 0) {
    throw Error("a loss must be a scalar to be differentiated, but it is " + loss.spec().to_string());
  }
  Graph& graph = loss.graph();
  graph.set_backward(true);
  const Value one = graph.constant(1.0, loss.dtype());
  graph.set_backward(false);
  return differentiate(std::span<const Value>(&loss, 1), std::span<const Value>(&one, 1), wanted);
}

}  // namespace assay
