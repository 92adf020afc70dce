#include "assay/verify/evaluate.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "assay/core/error.h"
#include "assay/core/scalar.h"
#include "assay/program/place.h"

namespace assay::verify {
namespace {

// What no kernel may leave behind: NaN, the lattice's invalid, −1 or 255.
Tensor poisoned(const Spec& spec) {
  if (is_real(spec.dtype) && spec.dtype != DType::lattice) {
    return Tensor::of(spec.dtype, spec.shape,
                      std::vector<double>(static_cast<std::size_t>(spec.count()), std::nan("")));
  }
  Tensor tensor(spec);
  if (spec.dtype == DType::lattice) {
    for (Lattice& x : tensor.as<Lattice>()) x = Lattice::invalid();
  } else {
    std::memset(tensor.data(), 0xff, spec.bytes());
  }
  return tensor;
}

// An index that was not written, or is none, would send the next op out of its buffers.
void require_indices(const Tensor& output, const std::string& op) {
  if (output.dtype() != DType::i32) return;
  for (const std::int32_t index : output.as<std::int32_t>()) {
    if (index < 0) throw Error("op '" + op + "' leaves the index " + std::to_string(index));
  }
}

}  // namespace

Graph with_dtype(const Graph& graph, DType dtype) {
  Graph result(graph.ops());
  std::map<std::int32_t, std::int32_t> moved;
  const auto now = [&](ValueId id) { return result.value({moved.at(id.node), id.output}); };
  for (std::int32_t n = 0; n < static_cast<std::int32_t>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n, 0});
    Spec spec = node.outputs[0];
    if (is_real(spec.dtype)) spec.dtype = dtype;
    Value value;
    switch (node.kind) {
      case NodeKind::input:
        value = result.input(node.name, spec);
        break;
      case NodeKind::state:
        value = result.state(node.name, spec);
        break;
      case NodeKind::constant:
        value = result.constant(node.constant, spec.dtype, spec.shape);
        break;
      case NodeKind::op: {
        std::vector<Value> operands;
        for (const ValueId input : node.inputs) operands.push_back(now(input));
        value = result.apply(node.op->name, operands, node.fields);
        break;
      }
    }
    moved[n] = value.id().node;
  }
  for (const auto& [name, id] : graph.outputs()) result.output(name, now(id));
  for (const auto& [state, id] : graph.updates()) result.update(now(state), now(id));
  return result;
}

Values evaluate(const Graph& graph, const Backend& backend, const Bindings& bindings) {
  Values values;
  for (std::int32_t n = 0; n < static_cast<std::int32_t>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n, 0});
    if (node.kind == NodeKind::input || node.kind == NodeKind::state) {
      const auto bound = bindings.find(node.name);
      if (bound == bindings.end() || bound->second.spec() != node.outputs[0])
        throw Error("'" + node.name + "' is not bound to " + node.outputs[0].to_string());
      values.emplace(ValueId{n, 0}, bound->second.clone());
      continue;
    }
    if (node.kind == NodeKind::constant) {
      const std::vector<double> fill(static_cast<std::size_t>(node.outputs[0].count()), node.constant);
      values.emplace(ValueId{n, 0}, Tensor::of(node.outputs[0].dtype, node.outputs[0].shape, fill));
      continue;
    }
    const std::int32_t alone[] = {n};
    Offer offer = backend.offer(make_site(graph, alone).site);
    if (const auto* refusal = std::get_if<Refusal>(&offer))
      throw Error("op '" + node.op->name + "' is refused: " + refusal->reason);
    const Plan& plan = std::get<Plan>(offer);
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (ValueId input : node.inputs) inputs.push_back(values.at(input).data());
    for (std::int32_t o = 0; o < static_cast<std::int32_t>(node.outputs.size()); ++o) {
      const auto [value, added] =
          values.emplace(ValueId{n, o}, poisoned(node.outputs[static_cast<std::size_t>(o)]));
      outputs.push_back(value->second.data());
    }
    const Tensor scratch(Spec{DType::u8, Shape{static_cast<std::int64_t>(plan.scratch_bytes)}});
    plan.bind()->run({inputs.data(), outputs.data(), scratch.data()});
    for (std::int32_t o = 0; o < static_cast<std::int32_t>(node.outputs.size()); ++o)
      require_indices(values.at(ValueId{n, o}), node.op->name);
  }
  return values;
}

}  // namespace assay::verify
