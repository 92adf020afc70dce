#include "assay/faults/program_judge.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "assay/experiment/yaml_parser.h"
#include "assay/verify/random_experiment.h"

namespace assay::faults {
namespace {

// Models that share values, sum cotangents and update states in every way are among so many.
constexpr int kModels = 16;
constexpr std::int64_t kRows = 8;

// Everything that a program leaves behind after a few steps of training: outputs and states.
std::vector<Tensor> trained(const verify::Setting& setting, const Backend& backend,
                            const verify::Compile& compile) {
  constexpr int kSteps = 2;  // what is damaged in one may show in the next
  StateStore states;
  Arena arena;
  setting.write_states(states);
  const Graph graph = setting.training_graph(setting.dtype());
  const Backend* const backends[] = {&backend, &setting.reference()};
  Program program = compile(graph, backends, states, arena);
  for (int step = 0; step < kSteps; ++step) {
    setting.set_inputs(program);
    program.run();
  }
  std::vector<Tensor> left;
  for (const auto& [name, id] : graph.outputs()) left.push_back(Tensor::copy_of(program.output(name)));
  for (const auto& [state, successor] : graph.updates())
    left.push_back(states.read(graph.node(state).name));
  return left;
}

void compare(const verify::Setting& setting, const Backend& backend, const verify::Compile& compile,
             Comparison& result) {
  const std::vector<Tensor> right = trained(setting, backend, verify::compile_as_usual);
  const std::vector<Tensor> wrong = trained(setting, backend, compile);
  std::vector<Numbers> want, got;
  for (std::size_t t = 0; t < right.size(); ++t) {
    want.push_back(to_doubles(right[t].view()));
    got.push_back(to_doubles(wrong[t].view()));
    result.same_bits =
        result.same_bits && std::memcmp(right[t].data(), wrong[t].data(), right[t].spec().bytes()) == 0;
  }
  for (int rule = 0; rule < kCommonRules; ++rule) {
    const auto r = static_cast<std::size_t>(rule);
    result.rejected[r] = result.rejected[r] || (accepts(rule, want, want) && !accepts(rule, got, want));
  }
}

}  // namespace

ProgramVerdict judge_programs(const Registry& registry, const std::string& backend,
                              const verify::Compile& compile, std::uint64_t seed) {
  const std::unique_ptr<Backend> judged = registry.create_backend(backend, {}, 1);
  ProgramVerdict verdict;
  for (int index = 0; index < kModels; ++index) {
    const std::optional<std::string> text =
        verify::file_of(verify::random_experiment(registry, seed, index), registry);
    if (!text) continue;
    const Experiment experiment = read_experiment(parse_yaml(*text, "graph.yaml"), "graph.yaml", registry);
    const verify::Setting setting(experiment, registry, DType::f32, 0, kRows);
    verdict.report.append(verify::verify_training(setting, *judged, "", verify::Selector(), compile));
    compare(setting, *judged, compile, verdict.comparison);
  }
  return verdict;
}

}  // namespace assay::faults
