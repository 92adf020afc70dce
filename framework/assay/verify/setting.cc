#include "assay/verify/setting.h"

#include <algorithm>
#include <cstring>

namespace assay::verify {
namespace {

Tensor first_rows(const Tensor& tensor, std::int64_t rows) {
  Tensor part(Spec{tensor.dtype(), tensor.shape().with(0, rows)});
  std::memcpy(part.data(), tensor.data(), part.spec().bytes());
  return part;
}

Experiment with_dtype(Experiment experiment, DType dtype) {
  experiment.dtype = dtype;
  experiment.backend = {};  // the backends under verification are made apart
  return experiment;
}

}  // namespace

Setting::Setting(const Experiment& experiment, const Registry& registry, DType dtype, std::int64_t batch,
                 std::int64_t rows)
    : experiment_(with_dtype(experiment, dtype)),
      problem_(experiment_, registry, experiment_.seeds.front()),
      dtype_(dtype),
      reference_(registry.create_backend("reference", {}, 1)) {
  const TraceBatch all = trace_batch(problem_, batch);
  rows_ = std::min<std::int64_t>(rows, all.sample.count());
  batch_ = {first_rows(all.input, rows_), first_rows(all.target, rows_), first_rows(all.sample, rows_)};
  problem_.initialize(states_);
  bind();
}

std::vector<std::string> Setting::parameters() const {
  std::vector<std::string> names;
  for (const StateInfo& info : model().states()) {
    if (info.kind == StateKind::parameter) names.push_back(info.name);
  }
  return names;
}

Bindings Setting::bindings(const Graph& graph) const {
  Bindings bound;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
    Tensor value(node.outputs[0]);
    convert(bindings_.at(node.name).view(), value.view());
    bound.emplace(node.name, std::move(value));
  }
  return bound;
}

void Setting::bind() {
  for (const StateInfo& info : model().states()) bindings_.emplace(info.name, states_.read(info.name));
  bindings_.emplace("input", batch_.input.clone());
  bindings_.emplace("target", batch_.target.clone());
  bindings_.emplace("sample", batch_.sample.clone());
  bindings_.emplace("learning_rate",
                    Tensor::of(dtype_, Shape{}, std::vector<double>{model().learning_rate()}));
  bindings_.emplace("step", Tensor::of(DType::i32, Shape{}, std::vector<double>{1}));
  const std::uint64_t seed = problem_.seed();
  Tensor key(Spec{DType::i32, Shape{3}});
  key.as<std::int32_t>()[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed));
  key.as<std::int32_t>()[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed >> 32));
  bindings_.emplace("key", std::move(key));
}

void Setting::write_states(StateStore& states) const {
  for (const StateInfo& info : model().states()) {
    states.declare(info.name, {dtype_, info.shape});
    states.write(info.name, bindings_.at(info.name).view());
  }
}

void Setting::set_inputs(Program& program) const {
  for (const auto& [name, value] : bindings_) {
    if (program.has_input(name)) convert(value.view(), program.input(name));
  }
}

}  // namespace assay::verify
