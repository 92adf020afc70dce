#include "assay/experiment/trace.h"

#include <fmt/format.h>

#include <cstring>

#include "assay/core/error.h"
#include "assay/data/batches.h"

namespace assay {

TraceBatch trace_batch(const Problem& problem, std::int64_t k) {
  const Batches batches(problem.data().train,
                        {.batch_size = problem.training_batch(), .seed = problem.seed()});
  if (k < 0 || k >= batches.count()) {
    throw Error(fmt::format("there is no batch {}: the training data has {} of them, counted from 1", k + 1,
                            batches.count()));
  }
  const std::int64_t rows = batches.batch_rows(k);
  const DType dtype = problem.experiment().dtype;
  TraceBatch batch{Tensor(problem.model().input_spec(rows, dtype)),
                   Tensor(problem.model().target_spec(rows, dtype)), Tensor(Spec{DType::i32, Shape{rows}})};
  batches.fill(k, batch.input.view(), batch.target.view(), batch.sample.view());
  return batch;
}

void set_trace_inputs(Program& program, const TraceBatch& batch, std::uint64_t seed) {
  const auto set = [&](std::string_view name, const Tensor& value) {
    if (program.has_input(name)) std::memcpy(program.input(name).data, value.data(), value.spec().bytes());
  };
  set("input", batch.input);
  set("target", batch.target);
  set("sample", batch.sample);
  if (!program.has_input("key")) return;
  const auto key = program.input("key").as<std::int32_t>();
  key[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed));
  key[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed >> 32));
  key[2] = 0;
}

std::vector<NamedTensor> trace(const Problem& problem, std::int64_t k) {
  const TraceBatch batch = trace_batch(problem, k);
  StateStore states;
  Arena arena;
  problem.initialize(states);
  const Graph graph = problem.model().trace_graph(batch.sample.count(), problem.experiment().dtype);
  Program program = Program::compile(graph, problem.backends(), states, arena, problem.compile_options());
  set_trace_inputs(program, batch, problem.seed());
  program.run();
  std::vector<NamedTensor> tensors;
  for (const auto& [name, id] : graph.outputs()) {
    tensors.push_back({name, Tensor::copy_of(program.output(name))});
  }
  return tensors;
}

}  // namespace assay
