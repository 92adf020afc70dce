// Wrong derivative rules: the right contributions to an op's cotangents, damaged before they are added.
#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "assay/faults/fault.h"
#include "assay/graph/differentiate.h"

namespace assay::faults {
namespace {

/// What a wrong rule adds for input i in the place of contributions[i]; an empty Value: nothing.
using Wrong = std::function<Value(Vjp& vjp, std::size_t i, std::span<const Value> contributions)>;

struct Kind {
  std::string name;
  int number;
  std::string defect;
  Wrong wrong;
  std::string equivalent{};
  bool ones_for_cotangents = false;
};

Value scaled(Value x, double factor) {
  Graph& graph = x.graph();
  return graph.apply("mul", {x, graph.constant(factor, x.dtype(), x.shape())});
}
Value filled(Value like, double number) { return like.graph().constant(number, like.dtype(), like.shape()); }

Value shaped(Value x, const Shape& shape) {
  return x.graph().apply(
      "reshape", {x}, {{"shape", std::vector<std::int64_t>(shape.extents().begin(), shape.extents().end())}});
}

// Written with the axes in reverse order.
Value transposed(Value x) {
  if (x.shape().rank() < 2) return x;
  std::vector<std::int64_t> axes(static_cast<std::size_t>(x.shape().rank()));
  std::iota(axes.rbegin(), axes.rend(), 0);
  return shaped(x.graph().apply("transpose", {x}, {{"axes", axes}}), x.shape());
}

// One number in every element: the gradient collapsed to a scalar.
Value collapsed(Value x) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(x.shape().rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (axes.empty() || x.shape().count() == 0) return x;
  Graph& graph = x.graph();
  const Value mean = graph.apply("mean", {x}, {{"axes", axes}, {"keep", true}});
  return graph.apply(
      "broadcast_to", {mean},
      {{"shape", std::vector<std::int64_t>(x.shape().extents().begin(), x.shape().extents().end())}});
}

Kind coherent(const std::string& name, double factor) {
  return {name, 19, "",
          [factor](Vjp&, std::size_t i, std::span<const Value> c) { return scaled(c[i], factor); }};
}

std::vector<Kind> kinds() {
  using All = std::span<const Value>;
  const std::string zero = "the derivative is zero: a step function";
  return {
      {"no-op", 3, "pjreddie/darknet#1723", [](Vjp&, std::size_t, All) { return Value(); }, zero},
      {"zeros", 3, "jax-ml/jax#2107", [](Vjp&, std::size_t i, All c) { return filled(c[i], 0.0); }, zero},
      {"previous output", 12, "uxlfoundation/oneDNN#6035",
       [](Vjp&, std::size_t i, All c) { return filled(c[i], 0.5); }},
      {"sign flipped", 1, "HIPS/autograd#412", [](Vjp&, std::size_t i, All c) { return scaled(c[i], -1.0); },
       zero},
      {"factor 2", 2, "apache/mxnet#1053", [](Vjp&, std::size_t i, All c) { return scaled(c[i], 2.0); },
       zero},
      {"factor 1/n", 2, "apache/mxnet#1053",
       [](Vjp& vjp, std::size_t i, All c) {
         const Shape& shape = vjp.input(0).shape();
         return shape.rank() == 0 || shape[0] == 0 ? c[i] : scaled(c[i], 1.0 / static_cast<double>(shape[0]));
       },
       zero + ", or every batch is of one"},
      {"first input's term missing", 3, "pjreddie/darknet#1723",
       [](Vjp&, std::size_t i, All c) { return i == 0 ? Value() : c[i]; }, zero},
      {"last input's term missing", 3, "pjreddie/darknet#1723",
       [](Vjp&, std::size_t i, All c) { return i + 1 == c.size() ? Value() : c[i]; },
       zero + ", or no derivative flows through the last input"},
      {"collapsed to a scalar", 3, "tensorflow/tensorflow#127690",
       [](Vjp&, std::size_t i, All c) { return collapsed(c[i]); }, zero},
      {"of another input", 3, "pytorch/pytorch#59615",
       [](Vjp&, std::size_t i, All c) {
         for (std::size_t j = 1; j < c.size(); ++j) {
           const Value& other = c[(i + j) % c.size()];
           if (other && other.spec() == c[i].spec()) return other;
         }
         return c[i];
       },
       "no two inputs of one spec, or both have the same derivative"},
      {"upstream gradient ignored", 5, "tensorflow/tensorflow#127690",
       [](Vjp&, std::size_t i, All c) { return c[i]; }, zero, true},
      {"transposed", 7, "harvard-edge/cs249r_book#1867",
       [](Vjp&, std::size_t i, All c) { return transposed(c[i]); }, zero + ", or no tensor of two axes"},
      {"broadcast not reduced", 8, "harvard-edge/cs249r_book#1867",
       [](Vjp& vjp, std::size_t i, All c) {
         return vjp.cotangent().shape() == c[i].shape() ? c[i] : vjp.cotangent();
       },
       "every contribution has the cotangent's shape"},
      {"broadcast averaged", 8, "harvard-edge/cs249r_book#1867",
       [](Vjp& vjp, std::size_t i, All c) {
         const std::int64_t n = vjp.cotangent().shape().count(), m = c[i].shape().count();
         return n <= m || m == 0 ? c[i] : scaled(c[i], static_cast<double>(m) / static_cast<double>(n));
       },
       "no contribution is smaller than the cotangent"},
      {"added twice", 11, "FluxML/NNlib.jl#205",
       [](Vjp& vjp, std::size_t i, All c) {
         vjp.add(i, c[i]);
         return c[i];
       },
       zero},
      coherent("relative error 1e-3", 1 + 1e-3),
      coherent("relative error 1e-5", 1 + 1e-5),
      coherent("relative error 1e-6", 1 + 1e-6),
      coherent("relative error 1e-7", 1 + 1e-7),
  };
}

// The rule with what `wrong` makes of its contributions.
DerivativeRule damaged(const DerivativeRule& right, const Kind& kind) {
  return [right, wrong = kind.wrong, ones = kind.ones_for_cotangents](Vjp& vjp) {
    const ValueId result = vjp.output().id();
    std::vector<Value> cotangents;
    for (std::size_t o = 0; o < vjp.graph().node(result).outputs.size(); ++o) {
      if (!vjp.has_cotangent(o)) {
        cotangents.emplace_back();
      } else {
        cotangents.push_back(ones ? filled(vjp.cotangent(o), 1.0) : vjp.cotangent(o));
      }
    }
    const auto wanted = std::make_unique<bool[]>(vjp.input_count());
    for (std::size_t i = 0; i < vjp.input_count(); ++i) wanted[i] = vjp.wanted(i);
    Vjp own(vjp.graph(), result.node, cotangents, {wanted.get(), vjp.input_count()});
    right(own);
    const std::vector<Value> contributions(own.contributions().begin(), own.contributions().end());
    for (std::size_t i = 0; i < contributions.size(); ++i) {
      if (!contributions[i]) continue;
      if (const Value value = wrong(vjp, i, contributions)) vjp.add(i, value);
    }
  };
}

// Whether a derivative flows through the op at all.
bool has_derivative(const OpDef& op) {
  return op.derivative && std::ranges::any_of(op.cases, [&](const Case& c) {
           for (std::size_t i = 0; i < c.inputs.size(); ++i) {
             const auto listed = [i](const std::vector<int>& inputs) {
               return std::ranges::find(inputs, static_cast<int>(i)) != inputs.end();
             };
             const Domain domain = c.inputs[i].domain;
             const bool real =
                 domain == Domain::real || domain == Domain::positive || domain == Domain::nonzero;
             if (real && !listed(op.undifferentiated) && !listed(op.refused)) return true;
           }
           return false;
         });
}

// The finer ops that stand for an op where a backend refuses it: its first real output changed, or two
// operands of one spec exchanged.
struct ExpansionKind {
  std::string name;
  double factor;  // of the output; 0: operands are exchanged
};

ExpandRule damaged(const ExpandRule& right, const ExpansionKind& kind) {
  return [right, kind](std::span<const Value> inputs, const Fields& fields) {
    std::vector<Value> operands(inputs.begin(), inputs.end());
    if (kind.factor == 0 && operands.size() > 1 && operands[0].spec() == operands[1].spec())
      std::swap(operands[0], operands[1]);
    std::vector<Value> results = right(operands, fields);
    const auto real = std::ranges::find_if(results, [](const Value& v) { return is_real(v.dtype()); });
    if (kind.factor != 0 && real != results.end()) *real = scaled(*real, kind.factor);
    return results;
  };
}

void add_expansion_faults(std::vector<Fault>& faults, const Registry& registry) {
  for (const ExpansionKind& kind :
       {ExpansionKind{"expansion of the other sign", -1.0}, ExpansionKind{"expansion off by 1e-6", 1 + 1e-6},
        ExpansionKind{"operands of the expansion exchanged", 0.0}}) {
    for (const auto& [name, entry] : registry.ops.entries()) {
      if (entry.value.view || !entry.value.expand || entry.value.cases.empty()) continue;
      Fault fault;
      fault.kind = kind.name;
      fault.number = 26;
      fault.op = name;
      fault.equivalent = "no two operands of one spec, or their order does not count";
      fault.inject = [name = name, kind](Registry& r) {
        OpDef& op = *r.ops.find(name);
        op.expand = damaged(op.expand, kind);
      };
      faults.push_back(std::move(fault));
    }
  }
}

}  // namespace

std::vector<Fault> rule_faults(const Registry& registry) {
  std::vector<Fault> faults;
  for (const Kind& kind : kinds()) {
    for (const auto& [name, entry] : registry.ops.entries()) {
      if (entry.value.view || !has_derivative(entry.value)) continue;
      faults.push_back({kind.name,
                        kind.number,
                        name,
                        {},
                        kind.defect,
                        0,
                        kind.equivalent,
                        [name = name, kind](Registry& r) {
                          OpDef& op = *r.ops.find(name);
                          op.derivative = damaged(op.derivative, kind);
                        }});
    }
  }
  add_expansion_faults(faults, registry);
  return faults;
}

}  // namespace assay::faults
