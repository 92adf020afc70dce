// assay check: validates everything about an experiment — file, data, shapes, placement, memory — and runs
// nothing.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "assay/command.h"
#include "assay/experiment/trainer.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

void print_text(const Experiment& experiment, const Problem& problem, const Program& program) {
  Table layers({"layer", "type", "output", "parameters"});
  for (const LayerInfo& layer : problem.model().layers()) {
    layers.add({std::string(static_cast<std::size_t>(layer.depth) * 2, ' ') + layer.name, layer.type,
                layer.output.to_string(), fmt::format("{}", layer.parameters)});
  }
  const MemoryReport& memory = program.memory();
  fmt::print("{}: {} training rows", experiment.name, problem.data().train.rows());
  if (problem.data().validation) fmt::print(", {} for validation", problem.data().validation->rows());
  if (problem.data().test) fmt::print(", {} for testing", problem.data().test->rows());
  fmt::print("\n\n{}\n{} parameters\n\n{}\n", layers.render(), problem.model().parameter_count(),
             to_string(program.placements()));
  fmt::print("memory of a training step: arena {} (lower bound {}), state {}, constants {}, {} reorders\n",
             human_bytes(memory.arena_bytes), human_bytes(memory.liveness_bytes),
             human_bytes(memory.state_bytes), human_bytes(memory.constant_bytes), memory.reorders);
}

void print_json(const Experiment& experiment, const Problem& problem, const Program& program) {
  Json json{{"name", experiment.name}, {"parameters", problem.model().parameter_count()}};
  for (const LayerInfo& layer : problem.model().layers()) {
    const auto extents = layer.output.extents();
    json["layers"].push_back({{"name", layer.name},
                              {"type", layer.type},
                              {"output", std::vector<std::int64_t>(extents.begin(), extents.end())},
                              {"parameters", layer.parameters}});
  }
  for (const Placement& row : program.placements()) {
    json["placement"].push_back({{"op", row.op},
                                 {"layer", row.scope},
                                 {"backend", row.backend},
                                 {"implementation", row.implementation},
                                 {"fallback", row.fallback},
                                 {"refusals", row.refusals}});
  }
  const MemoryReport& memory = program.memory();
  json["memory"] = {{"arena_bytes", memory.arena_bytes},
                    {"liveness_bytes", memory.liveness_bytes},
                    {"state_bytes", memory.state_bytes}};
  fmt::print("{}\n", json.dump(2));
}

int run_check(const Arguments& arguments) {
  Session session(arguments);
  const Experiment experiment = load(arguments, session.registry());
  for (const std::uint64_t seed : experiment.seeds) {
    const Problem problem(experiment, session.registry(), seed);
    const Trainer trainer(problem);
    if (seed != experiment.seeds.front()) continue;  // other seeds differ in data alone: they were checked
    if (arguments.text("format", "text") == "json")
      print_json(experiment, problem, trainer.program());
    else
      print_text(experiment, problem, trainer.program());
  }
  next_step("assay run " + arguments.positionals().front());
  return kOk;
}

}  // namespace

Command check_command() {
  std::vector<Option> options = experiment_options();
  options.push_back({"format", 0, "FORMAT", "how to print", {"text", "json"}});
  return {"check",
          "validate an experiment: file, data, shapes, placement, memory; run nothing",
          {{"assay check experiments/fashion_mnist/cnn.yaml",
            "layers, parameters, who computes what, and how much memory it takes"},
           {"assay check experiments/fashion_mnist/cnn.yaml --backend eigen", "the same on another backend"}},
          {{"FILE", "the experiment"}},
          options,
          run_check};
}

}  // namespace assay::cli
