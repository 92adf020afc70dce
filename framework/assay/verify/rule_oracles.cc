#include "assay/verify/rule_oracles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/graph/simplify.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/same_graph.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

Bindings bindings_of(const std::vector<Tensor>& operands) {
  Bindings bindings;
  for (std::size_t i = 0; i < operands.size(); ++i) bindings.emplace(std::to_string(i), operands[i].clone());
  return bindings;
}

std::span<const Quad> quads(const Values& values, Value value) {
  return std::as_const(values.at(value.id())).as<Quad>();
}

std::string text(const Quad& x) { return x.to_string(20); }

std::vector<std::size_t> keys_of(const std::map<std::size_t, Tensor>& tensors) {
  std::vector<std::size_t> keys;
  for (const auto& [key, tensor] : tensors) keys.push_back(key);
  return keys;
}

}  // namespace

void Pairing::add(const Quad& a, const Quad& b) {
  value += a * b;
  magnitude += abs(Quad(a * b));
}

RuleCase::RuleCase(const Registry& registry, const Backend& reference, const OpDef& op, const Case& c,
                   const Draw& draw, Direction direction)
    : registry_(registry),
      reference_(reference),
      op_(op),
      case_(c),
      seed_(draw.seed),
      operands_(make_inputs(c, DType::quad, draw)) {
  const OpSite site = make_op_site(registry.ops, op, c, DType::quad);
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const auto listed = [i](const std::vector<int>& inputs) {
      return std::ranges::find(inputs, static_cast<int>(i)) != inputs.end();
    };
    const bool blocked = listed(op.undifferentiated) || listed(op.refused);
    if (!is_real(operands_[i].dtype()) || blocked) continue;
    const Shape& shape = operands_[i].shape();
    const std::vector<double> ones(static_cast<std::size_t>(shape.count()), 1.0);
    directions_.emplace(
        i, direction == Direction::ones ? Tensor::of(DType::quad, shape, ones) : random(shape, 100 + i));
  }
  for (std::size_t o = 0; o < site.outputs.size(); ++o) {
    if (is_real(site.outputs[o].dtype())) cotangents_.emplace(o, random(site.outputs[o].shape(), 200 + o));
  }
}

Tensor RuleCase::random(const Shape& shape, std::uint64_t stream) const {
  return make_input({"", {{shape}}}, 0, DType::quad, {.seed = seed_ + (stream << 32)});
}

std::vector<std::size_t> RuleCase::inputs() const { return keys_of(directions_); }
std::vector<std::size_t> RuleCase::outputs() const { return keys_of(cotangents_); }
void RuleCase::keep_input(std::size_t input) {
  std::erase_if(directions_, [&](const auto& entry) { return entry.first != input; });
}
void RuleCase::keep_output(std::size_t output) {
  std::erase_if(cotangents_, [&](const auto& entry) { return entry.first != output; });
}

std::string RuleCase::shapes() const {
  std::string all;
  for (const Tensor& x : operands_) all += (all.empty() ? "" : " ") + x.spec().to_string();
  return all;
}

Pairing RuleCase::by_rule() const {
  OpSite site = make_op_site(registry_.ops, op_, case_, DType::quad);
  Bindings bindings = bindings_of(operands_);
  std::vector<Value> outputs, seeds, wanted;
  for (const auto& [o, u] : cotangents_) {
    const std::string name = fmt::format("cotangent {}", o);
    outputs.push_back(site.outputs[o]);
    seeds.push_back(site.graph.input(name, u.spec()));
    bindings.emplace(name, u.clone());
  }
  for (const auto& [i, v] : directions_) wanted.push_back(site.inputs[i]);
  const Cotangents cotangents = differentiate(outputs, seeds, wanted);
  verify_graph(site.graph);
  const Values values = evaluate(site.graph, reference_, bindings);
  Pairing sum;
  for (const auto& [i, v] : directions_) {
    const Value cotangent = cotangents.find(site.inputs[i]);
    if (!cotangent) continue;  // the rule says that nothing depends on it
    const auto gradient = quads(values, cotangent);
    for (std::size_t e = 0; e < gradient.size(); ++e) sum.add(v.as<Quad>()[e], gradient[e]);
  }
  return sum;
}

Pairing RuleCase::by_duals() const {
  std::vector<Tensor> duals = convert_all(operands_, DType::dual_quad);
  for (const auto& [i, v] : directions_) {
    const auto x = duals[i].as<Dual<Quad>>();
    for (std::size_t e = 0; e < x.size(); ++e) x[e].derivative = v.as<Quad>()[e];
  }
  const OpSite site = make_op_site(registry_.ops, op_, case_, DType::dual_quad);
  const Values values = evaluate(site.graph, reference_, bindings_of(duals));
  Pairing sum;
  for (const auto& [o, u] : cotangents_) {
    const auto y = values.at(site.outputs[o].id()).as<Dual<Quad>>();
    for (std::size_t e = 0; e < y.size(); ++e) sum.add(u.as<Quad>()[e], y[e].derivative);
  }
  return sum;
}

Pairing RuleCase::moved(const Quad& h) const {
  std::vector<Tensor> operands = convert_all(operands_, DType::quad);
  for (const auto& [i, v] : directions_) {
    const auto x = operands[i].as<Quad>();
    for (std::size_t e = 0; e < x.size(); ++e) x[e] += h * v.as<Quad>()[e];
  }
  const OpSite site = make_op_site(registry_.ops, op_, case_, DType::quad);
  const Values values = evaluate(site.graph, reference_, bindings_of(operands));
  Pairing sum;
  for (const auto& [o, u] : cotangents_) {
    const auto y = quads(values, site.outputs[o]);
    for (std::size_t e = 0; e < y.size(); ++e) sum.add(u.as<Quad>()[e], y[e]);
  }
  return sum;
}

namespace {

// The verdict on two values of ⟨Jv, u⟩ that must agree within `bound`.
Outcome agree(const char* other_name, const Quad& rule, const Quad& other, const Quad& bound,
              std::string basis) {
  const Quad error = abs(Quad(rule - other));
  Outcome outcome;
  outcome.basis = std::move(basis);
  outcome.judged = 1;
  outcome.ratio = bound == Quad(0) ? 0.0 : static_cast<double>(Quad(error / bound));
  if (error <= bound) return outcome;
  outcome.status = Status::failed;
  outcome.detail =
      fmt::format("⟨v, Jᵀu⟩ by the derivative rule is {}, ⟨Jv, u⟩ by {} is {}: apart by {}, bound {}",
                  text(rule), other_name, text(other), error.to_string(3), bound.to_string(3));
  return outcome;
}

}  // namespace

namespace {

Outcome judge_duals(const Pairing& backward, const Pairing& forward) {
  return agree("dual numbers", backward.value, forward.value,
               Quad(kOracleRoundoff) * (backward.magnitude + forward.magnitude),
               "adjoint identity in quad, held to 2⁻⁵³ Σ|terms|");
}

}  // namespace

Outcome check_duals(const RuleCase& rule) { return judge_duals(rule.by_rule(), rule.by_duals()); }

Outcome check_duals_on_ties(const Registry& registry, const Backend& reference, const OpDef& op,
                            const Case& c, std::uint64_t seed) {
  const Draw ties{.fill = Fill::integers, .seed = seed, .radius = 1};
  const RuleCase rule(registry, reference, op, c, ties);
  const Pairing backward = rule.by_rule(), forward = rule.by_duals();
  if (!(backward.value == backward.value) && !(forward.value == forward.value))
    return Outcome::skipped("D: no derivative on zeros and ties");
  Outcome outcome = judge_duals(backward, forward);
  if (outcome.status != Status::failed) return outcome;
  return check_duals(RuleCase(registry, reference, op, c, ties, Direction::ones));
}

Outcome check_duals_of_each(const Registry& registry, const Backend& reference, const OpDef& op,
                            const Case& c, std::uint64_t seed) {
  const RuleCase all(registry, reference, op, c, {.seed = seed});
  Outcome outcome = Outcome::skipped("D: one input and one output");
  const auto judge = [&](const std::string& which, auto keep) {
    if (outcome.status == Status::failed) return;
    RuleCase one(registry, reference, op, c, {.seed = seed});
    keep(one);
    Outcome more = check_duals(one);
    if (more.status == Status::failed) more.detail = which + ": " + more.detail;
    outcome.add(std::move(more));
  };
  for (const std::size_t i : all.inputs().size() > 1 ? all.inputs() : std::vector<std::size_t>{}) {
    judge(fmt::format("input {} alone", i), [&](RuleCase& one) { one.keep_input(i); });
    if (all.inputs().size() > 2)
      judge(fmt::format("without input {}", i), [&](RuleCase& one) { one.leave_input(i); });
  }
  for (const std::size_t o : all.outputs().size() > 1 ? all.outputs() : std::vector<std::size_t>{}) {
    judge(fmt::format("output {} alone", o), [&](RuleCase& one) { one.keep_output(o); });
    if (all.outputs().size() > 2)
      judge(fmt::format("without output {}", o), [&](RuleCase& one) { one.leave_output(o); });
  }
  return outcome;
}

namespace {

// The op, its expansion and its derivative on one case.
Graph graph_of_rule(const Registry& registry, const OpDef& op, const Case& c, DType dtype) {
  OpSite site = make_op_site(registry.ops, op, c, dtype);
  if (op.expand) (void)op.expand(site.inputs, site.fields);
  std::vector<Value> outputs, seeds, wanted;
  for (const Value output : site.outputs) {
    if (!is_real(output.dtype())) continue;
    outputs.push_back(output);
    seeds.push_back(site.graph.input(fmt::format("cotangent {}", seeds.size()), output.spec()));
  }
  for (std::size_t i = 0; i < site.inputs.size(); ++i) {
    const bool refused = std::ranges::find(op.refused, static_cast<int>(i)) != op.refused.end();
    if (is_real(site.inputs[i].dtype()) && !refused) wanted.push_back(site.inputs[i]);
  }
  if (op.derivative || op.expand) (void)differentiate(outputs, seeds, wanted);
  return std::move(site.graph);
}

}  // namespace

Outcome check_rule_in_every_dtype(const Registry& registry, const OpDef& op, const Case& c) {
  const std::string basis = "exact: the graph that it builds in quad, node by node";
  const Graph proven = graph_of_rule(registry, op, c, DType::quad);
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::string difference = first_difference(graph_of_rule(registry, op, c, dtype), proven);
    if (!difference.empty())
      return Outcome::failed(basis, fmt::format("{}: {}", assay::name_of(dtype), difference));
  }
  return {Status::passed, basis, {}, 0, 2};
}

Outcome check_differences(const RuleCase& rule) {
  const Quad h = ldexp(Quad(1), kDifferenceExponent);
  const Pairing backward = rule.by_rule(), above = rule.moved(h), below = rule.moved(-h);
  const Quad difference = (above.value - below.value) / (h + h);
  // What the differences themselves may be off by: the rounding of quad over the step.
  const Quad floor = ldexp(Quad(1), kQuadRoundingExponent) * (above.magnitude + below.magnitude) / h;
  Outcome outcome =
      agree("central differences", backward.value, difference,
            Quad(kOracleRoundoff) * (backward.magnitude + abs(difference)) + floor,
            fmt::format("central differences in quad, h = 2^{}, held to 2⁻⁵³ Σ|terms| + rounding/h",
                        kDifferenceExponent));
  return outcome;
}

TaylorOrder taylor_order(const std::function<Pairing(const Quad& h)>& f, const Quad& slope) {
  TaylorOrder result;
  const Pairing base = f(Quad(0));
  for (const int first : kTaylorFirstExponents) {
    Quad start(0), end(0);
    result.within_rounding = true;
    for (int k = 0; k <= kTaylorHalvings; ++k) {
      const Quad h = ldexp(Quad(1), first - k);
      const Pairing there = f(h);
      end = abs(Quad(there.value - base.value - h * slope));
      if (k == 0) start = end;
      const Quad rounding =
          ldexp(Quad(1), kQuadRoundingExponent) * (there.magnitude + base.magnitude + h * abs(slope));
      result.within_rounding = result.within_rounding && end <= rounding;
    }
    if (result.within_rounding) return result;
    result.first = start;
    result.last = end;
    result.order = static_cast<double>(log(Quad(start / end))) / (kTaylorHalvings * std::log(2.0));
    if (result.order >= kTaylorOrder) return result;
  }
  return result;
}

Outcome outcome_of(const TaylorOrder& taylor) {
  Outcome outcome;
  outcome.judged = kTaylorHalvings + 1;
  if (taylor.within_rounding) {
    outcome.basis = "Taylor remainder within the rounding of quad: affine along v";
    return outcome;
  }
  outcome.basis = fmt::format("Taylor remainder of order {:.3f} over {} halvings, at least {} required",
                              taylor.order, kTaylorHalvings, kTaylorOrder);
  outcome.ratio = kTaylorOrder / taylor.order;
  if (taylor.order >= kTaylorOrder) return outcome;
  outcome.status = Status::failed;
  outcome.detail =
      fmt::format("f(x + hv) − f(x) − h⟨v, Jᵀu⟩ falls from {} to {} over {} halvings of h: order {:.3f}",
                  taylor.first.to_string(5), taylor.last.to_string(5), kTaylorHalvings, taylor.order);
  return outcome;
}

Outcome check_taylor(const RuleCase& rule) {
  return outcome_of(taylor_order([&](const Quad& h) { return rule.moved(h); }, rule.by_rule().value));
}

}  // namespace assay::verify
