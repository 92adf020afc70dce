#include "assay/verify/gradient_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "assay/core/quad.h"
#include "assay/core/random.h"
#include "assay/graph/simplify.h"
#include "assay/verify/rule_oracles.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// The graph of one output of another, on real values of `dtype`.
Graph part_for(const Graph& graph, const std::string& output, DType dtype) {
  const Graph whole = with_dtype(graph, dtype);
  Graph part(graph.ops());
  for (const Node& node : whole.nodes()) part.adopt(node, node.inputs);
  part.output(output, part.value(whole.find_output(output)));
  return simplify(part);
}

class Loss {
 public:
  Loss(const Graph& graph, const Backend& reference, const Bindings& bindings)
      : quad_(part_for(graph, "loss", DType::quad)),
        dual_(part_for(graph, "loss", DType::dual_quad)),
        reference_(reference),
        bindings_(bindings) {}

  std::int64_t cost() const { return cost_of(quad_); }

  // f(x + h v), v by parameter.
  Quad at(const std::map<std::string, Tensor>& v, const Quad& h) const {
    Bindings moved = copy(DType::quad);
    for (const auto& [name, direction] : v) {
      const auto x = moved.at(name).as<Quad>();
      for (std::size_t e = 0; e < x.size(); ++e) x[e] += h * direction.as<Quad>()[e];
    }
    return value_of<Quad>(quad_, evaluate(quad_, reference_, moved));
  }
  // d/dh f(x + h v) at 0.
  Quad derivative(const std::map<std::string, Tensor>& v) const {
    Bindings moved = copy(DType::dual_quad);
    for (const auto& [name, direction] : v) {
      const auto x = moved.at(name).as<Dual<Quad>>();
      for (std::size_t e = 0; e < x.size(); ++e) x[e].derivative = direction.as<Quad>()[e];
    }
    return value_of<Dual<Quad>>(dual_, evaluate(dual_, reference_, moved)).derivative;
  }

 private:
  Bindings copy(DType dtype) const {
    Bindings moved;
    const Graph& graph = dtype == DType::quad ? quad_ : dual_;
    for (const Node& node : graph.nodes()) {
      if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
      Tensor value(node.outputs[0]);
      convert(bindings_.find(node.name)->second.view(), value.view());
      moved.emplace(node.name, std::move(value));
    }
    return moved;
  }
  template <class T>
  static T value_of(const Graph& graph, const Values& values) {
    return values.at(graph.find_output("loss")).as<T>()[0];
  }

  const Graph quad_, dual_;
  const Backend& reference_;
  const Bindings& bindings_;
};

Tensor random_direction(const Shape& shape, std::uint64_t seed, std::string_view name) {
  Tensor v(Spec{DType::quad, shape});
  const RandomStream stream{seed, stream_id(name)};
  const auto x = v.as<Quad>();
  for (std::size_t e = 0; e < x.size(); ++e)
    x[e] = Quad(random_normal(stream, 0, 0, static_cast<std::uint32_t>(e)));
  return v;
}

class Proof {
 public:
  Proof(const Graph& graph, const Backend& reference, const Bindings& bindings,
        const std::vector<std::string>& parameters, const Selector& selector,
        const GradientProofOptions& options)
      : loss_(graph, reference, bindings), parameters_(parameters), selector_(selector), options_(options) {
    const Values values = evaluate(graph, reference, bindings);
    for (const std::string& name : parameters)
      gradients_.emplace(name, values.at(graph.find_output("grad/" + name)).clone());
  }

  GradientProof run() {
    together();
    if (within_budget()) {
      alone();
    } else {
      skip_alone();
    }
    return std::move(proof_);
  }

 private:
  std::map<std::string, Tensor> direction(std::uint64_t seed, const std::vector<std::string>& names) const {
    std::map<std::string, Tensor> v;
    for (const std::string& name : names)
      v.emplace(name, random_direction(gradients_.at(name).shape(), seed, name));
    return v;
  }

  Pairing by_gradient(const std::map<std::string, Tensor>& v) const {
    Pairing sum;
    for (const auto& [name, direction] : v) {
      const auto g = gradients_.at(name).as<Quad>();
      for (std::size_t e = 0; e < g.size(); ++e) sum.add(g[e], direction.as<Quad>()[e]);
    }
    return sum;
  }

  struct Difference {
    Quad value, floor;
  };
  Difference difference(const std::map<std::string, Tensor>& v) const {
    const Quad h = ldexp(Quad(1), kDifferenceExponent);
    const Quad above = loss_.at(v, h), below = loss_.at(v, -h);
    return {(above - below) / (h + h), ldexp(Quad(1), kQuadRoundingExponent) * (abs(above) + abs(below)) / h};
  }

  void file(Oracle oracle, const std::string& what, const std::string& basis, const Quad& expected,
            const Quad& got, const Quad& bound, std::int64_t judged) {
    Check check;
    check.oracle = oracle;
    check.subject = {"gradient", {}, "whole model", DType::quad, what, {}, SubjectKind::program};
    check.basis = basis;
    check.judged = judged;
    const Quad error = abs(Quad(expected - got));
    check.ratio = bound == Quad(0) ? 0.0 : static_cast<double>(Quad(error / bound));
    if (!(error <= bound)) {
      check.status = Status::failed;
      check.detail =
          fmt::format("gradient·v is {}, by {} it is {}: apart by {}, bound {}", expected.to_string(20),
                      name_of(oracle), got.to_string(20), error.to_string(3), bound.to_string(3));
      failed_ = true;
    }
    if (selector_.matches(check.id())) proof_.report.add(std::move(check));
  }

  // Along directions through all parameters.
  void together() {
    for (int d = 0; d < options_.directions; ++d) {
      const auto v = direction(options_.seed + static_cast<std::uint64_t>(d), parameters_);
      const Pairing g = by_gradient(v);
      const Difference f = difference(v);
      file(Oracle::difference, fmt::format("all parameters, direction {}", d + 1),
           "central differences in quad, held to 2⁻⁵³ Σ|terms|", g.value, f.value,
           Quad(kOracleRoundoff) * g.magnitude + f.floor, 1);
      if (d > 0) continue;
      file(Oracle::dual, "all parameters, direction 1", "dual numbers in quad, held to 2⁻⁵³ Σ|terms|",
           g.value, loss_.derivative(v), Quad(kOracleRoundoff) * g.magnitude, 1);
      taylor(v, g.value);
    }
  }

  void taylor(const std::map<std::string, Tensor>& v, const Quad& slope) {
    Check check;
    check.oracle = Oracle::taylor;
    check.subject = {"gradient",          {}, "whole model", DType::quad, "all parameters, direction 1", {},
                     SubjectKind::program};
    if (!selector_.matches(check.id())) return;
    const auto along = [&](const Quad& h) {
      const Quad value = loss_.at(v, h);
      return Pairing{value, abs(value)};
    };
    Outcome outcome = outcome_of(taylor_order(along, slope));
    check.settle(std::move(outcome));
    failed_ = failed_ || check.status == Status::failed;
    proof_.report.add(std::move(check));
  }

  std::int64_t cost_of_alone() const {
    std::int64_t evaluations = 0;
    for (const std::string& name : parameters_) evaluations += 2 * tries(name);
    return evaluations * loss_.cost();
  }
  bool within_budget() const { return failed_ || cost_of_alone() <= options_.cost_limit; }
  bool by_coordinate(const std::string& name) const {
    return gradients_.at(name).count() <= options_.coordinates && !failed_;
  }
  std::int64_t tries(const std::string& name) const {
    return by_coordinate(name) ? gradients_.at(name).count() : (failed_ ? 1 : options_.directions);
  }

  void skip_alone() {
    Check check;
    check.oracle = Oracle::difference;
    check.subject = {"gradient",          {}, "whole model", DType::quad, "parameter by parameter", {},
                     SubjectKind::program};
    check.settle(Outcome::skipped(
        fmt::format("{:.0e} multiplications, more than {:.0e}; --tier full allows "
                    "more",
                    static_cast<double>(cost_of_alone()), static_cast<double>(options_.cost_limit))));
    if (selector_.matches(check.id())) proof_.report.add(std::move(check));
  }

  // Parameter by parameter.
  void alone() {
    for (const std::string& name : parameters_) {
      const bool coordinates = by_coordinate(name);
      const std::int64_t count = tries(name);
      DifferenceError row{name, 0.0, count};
      Quad worst_error(-1), worst_g(0), worst_f(0), worst_bound(0);
      std::int64_t worst = 0;
      Quad scale(0);
      for (const Quad& g : gradients_.at(name).as<Quad>()) scale = maximum(scale, abs(g));
      for (std::int64_t t = 0; t < count; ++t) {
        std::map<std::string, Tensor> v;
        if (coordinates) {
          Tensor unit(gradients_.at(name).spec());
          unit.as<Quad>()[static_cast<std::size_t>(t)] = Quad(1);
          v.emplace(name, std::move(unit));
        } else {
          v = direction(options_.seed + 1000 + static_cast<std::uint64_t>(t), {name});
        }
        const Pairing g = by_gradient(v);
        const Difference f = difference(v);
        const Quad magnitude = maximum(g.magnitude, coordinates ? scale : Quad(0));
        const Quad error = abs(Quad(g.value - f.value)), bound = Quad(kOracleRoundoff) * magnitude + f.floor;
        if (magnitude > Quad(0))
          row.relative = std::max(row.relative, static_cast<double>(Quad(error / magnitude)));
        // The worst is the one farthest beyond its bound.
        if (error - bound > worst_error) {
          worst_error = error - bound;
          worst_g = g.value;
          worst_f = f.value;
          worst_bound = bound;
          worst = t;
        }
      }
      file(Oracle::difference,
           coordinates ? fmt::format("'{}', {} coordinates, worst {}", name, count, worst)
                       : fmt::format("'{}', {} directions", name, count),
           "central differences in quad, held to 2⁻⁵³ Σ|terms|", worst_g, worst_f, worst_bound, count);
      proof_.differences.push_back(row);
    }
  }

  Loss loss_;
  const std::vector<std::string>& parameters_;
  const Selector& selector_;
  const GradientProofOptions& options_;
  std::map<std::string, Tensor> gradients_;
  GradientProof proof_;
  bool failed_ = false;
};

}  // namespace

std::int64_t cost_of(const Graph& graph) {
  std::int64_t cost = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op || node.op->view) continue;
    std::int64_t outputs = 0, inner = 1;
    for (const Spec& spec : node.outputs) outputs += spec.count();
    if (node.op->name == "linear" || node.op->name == "matmul") inner = graph.spec(node.inputs[0]).shape[-1];
    if (node.op->name == "conv2d") {
      const Shape& weight = graph.spec(node.inputs[1]).shape;
      inner = weight.count(1, weight.rank());
    }
    cost += outputs * inner;
  }
  return cost;
}

GradientProof prove_gradients(const Graph& graph, const Backend& reference, const Bindings& bindings,
                              const std::vector<std::string>& parameters, const Selector& selector,
                              const GradientProofOptions& options) {
  return Proof(graph, reference, bindings, parameters, selector, options).run();
}

}  // namespace assay::verify
