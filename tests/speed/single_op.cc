#include "speed/single_op.h"

#include <algorithm>

#include "assay/bench/subject.h"
#include "assay/verify/op_site.h"
#include "speed/clock.h"

namespace assay::speed {

SingleOp::SingleOp(const Registry& registry, const std::string& backend, int threads, const std::string& op,
                   const Case& operands)
    : reference_(registry.create_backend("reference", {}, 1)),
      backend_(registry.create_backend(backend, {}, threads)) {
  Graph graph(registry.ops);
  std::vector<Value> values;
  for (std::size_t i = 0; i < operands.inputs.size(); ++i) {
    const CaseInput& input = operands.inputs[i];
    const Spec spec{verify::dtype_of(input, DType::f32), input.shape};
    const std::string name = std::to_string(i);
    // A state lies in the layout that the kernel asks for.
    values.push_back(is_real(spec.dtype) ? graph.state(name, spec) : graph.input(name, spec));
    bytes_ += static_cast<double>(spec.bytes());
  }
  const std::vector<Value> results = graph.apply_all(op, values, operands.fields);
  for (const Value& result : results) bytes_ += static_cast<double>(result.spec().bytes());
  if (op.ends_with("_update")) {
    // It writes over what it updates, as it does in a training step.
    graph.update(values[0], results[0]);
    for (std::size_t o = 1; o < results.size(); ++o) graph.update(values[o + 1], results[o]);
  } else {
    for (std::size_t o = 0; o < results.size(); ++o) graph.output("result" + std::to_string(o), results[o]);
  }
  const Backend* preference[] = {backend_.get(), reference_.get()};
  program_ = std::make_unique<Program>(Program::compile(graph, preference, states_, arena_,
                                                        {.fallback = Fallback::forbid, .keep_inputs = true}));
  const std::vector<Tensor> data = verify::make_inputs(operands, DType::f32, {});
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::string name = std::to_string(i);
    if (states_.find(name) != nullptr) {
      states_.write(name, data[i].view());
    } else {
      const TensorView to = program_->input(name);
      std::copy_n(static_cast<const std::byte*>(data[i].data()), data[i].spec().bytes(),
                  static_cast<std::byte*>(to.data));
    }
  }
  multiply_adds_ = bench::multiply_adds(*program_);
}

double SingleOp::run(clockid_t clock) {
  double seconds = 0, start = 0;
  program_->run_observed([&](const Program::Observation&) { seconds += now(clock) - start; },
                         [&](const Program::Observation&) { start = now(clock); });
  return seconds;
}

}  // namespace assay::speed
