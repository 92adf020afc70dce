#include "assay/bench/subject.h"

#include <chrono>
#include <utility>

#include "assay/bench/statistics.h"

namespace assay::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double multiply_adds(const Graph& graph, const Placement& placement) {
  double sum = 0;
  for (const std::int32_t n : placement.nodes) {
    const Node& node = graph.node({n, 0});
    if (!node.op->multiply_adds) continue;
    std::vector<Spec> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(graph.spec(id));
    sum += node.op->multiply_adds({inputs, node.fields}, node.outputs);
  }
  return sum;
}

// Makes the problem and says how long it took.
Problem timed_problem(const Experiment& experiment, const Registry& registry, double& seconds) {
  const auto start = Clock::now();
  Problem problem(experiment, registry, experiment.seeds.front());
  seconds = seconds_since(start);
  return problem;
}

}  // namespace

double multiply_adds(const Program& program) {
  double sum = 0;
  for (const Placement& placement : program.placements()) sum += multiply_adds(program.graph(), placement);
  return sum;
}

Subject::Subject(Experiment experiment, const Registry& registry)
    : experiment_(std::move(experiment)),
      problem_(timed_problem(experiment_, registry, facts_.prepare_seconds)),
      batches_(problem_.data().train, {.batch_size = problem_.training_batch(),
                                       .seed = problem_.seed(),
                                       .shuffle = experiment_.data.shuffle,
                                       .augmentation = Augmentation(experiment_.data.augment)}) {
  facts_.rows = problem_.training_batch();
  facts_.parameters = problem_.model().parameter_count();
  facts_.threads = problem_.threads();
  facts_.backend = problem_.backends().front()->description();
  {
    StateStore states;
    Arena arena;
    auto start = Clock::now();
    problem_.initialize(states);
    facts_.prepare_seconds += seconds_since(start);
    start = Clock::now();
    const Program program = compile(states, arena, false);
    facts_.compile_seconds = seconds_since(start);
    facts_.memory = program.memory();
    facts_.multiply_adds = multiply_adds(program);
    facts_.ops = static_cast<std::int64_t>(program.placements().size());
    for (const Placement& row : program.placements()) facts_.fallbacks += row.fallback ? 1 : 0;
  }
  // A second one, whose inputs outlast the run.
  problem_.initialize(states_);
  programs_.emplace(facts_.rows, compile(states_, arena_, true));
  StepRunner(problem_, batches_, programs_, 1).run(0, 0, 0);
}

Program Subject::compile(StateStore& states, Arena& arena, bool keep_inputs) const {
  CompileOptions options = problem_.compile_options();
  options.keep_inputs = keep_inputs;
  return Program::compile(problem_.model().training_graph(facts_.rows, experiment_.dtype),
                          problem_.backends(), states, arena, options);
}

double Subject::run(std::int64_t steps) {
  Program& program = programs_.begin()->second;
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < steps; ++i) program.run();
  return seconds_since(start);
}

double Subject::loss() { return element(programs_.begin()->second.output("loss"), 0); }

std::vector<OpTime> Subject::profile(std::int64_t steps) {
  Program& program = programs_.begin()->second;
  std::vector<OpTime> times;
  for (const Placement& row : program.placements()) {
    times.push_back({row.op, row.scope, row.backward, row.backend, row.implementation, 0,
                     multiply_adds(program.graph(), row)});
  }
  std::vector<std::vector<double>> seconds(times.size());
  std::size_t op = 0;
  Clock::time_point start;
  for (std::int64_t i = 0; i < steps; ++i) {
    op = 0;
    program.run_observed([&](const Program::Observation&) { seconds[op++].push_back(seconds_since(start)); },
                         [&](const Program::Observation&) { start = Clock::now(); });
  }
  for (std::size_t t = 0; t < times.size(); ++t) times[t].seconds = summarize(seconds[t]).median;
  return times;
}

}  // namespace assay::bench
