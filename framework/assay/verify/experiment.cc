#include "assay/verify/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "assay/core/error.h"
#include "assay/graph/simplify.h"
#include "assay/verify/components.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/program_oracle.h"
#include "assay/verify/same_graph.h"
#include "assay/verify/setting.h"
#include "assay/verify/training_step.h"

namespace assay::verify {
namespace {

// Runs the trace graph on a backend. Tensors by name.
std::map<std::string, Tensor> trace(const Setting& setting, const Backend& backend) {
  StateStore states;
  Arena arena;
  setting.write_states(states);
  const Graph graph = setting.trace_graph(setting.dtype());
  const Backend* const backends[] = {&backend, &setting.reference()};
  Program program = Program::compile(graph, backends, states, arena);
  setting.set_inputs(program);
  program.run();
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, id] : graph.outputs()) {
    tensors.emplace(name, Tensor::copy_of(program.output(name)));
  }
  return tensors;
}

bool uses_layer(const std::vector<LayerConfig>& layers, std::string_view kind, std::string_view name) {
  return std::ranges::any_of(layers, [&](const LayerConfig& layer) {
    if (kind == "layer" && layer.type == name) return true;
    const bool starts = kind == "initializer" && std::ranges::any_of(layer.init, [&](const auto& entry) {
                          return !entry.second.given && entry.second.type == name;
                        });
    return starts || uses_layer(layer.layers, kind, name);
  });
}

// Whether the experiment names the component.
bool uses(const Experiment& experiment, std::string_view kind, std::string_view name) {
  if (kind == "loss") return experiment.loss.type == name;
  if (kind == "optimizer") return experiment.optimizer.type == name;
  if (kind == "schedule") return experiment.schedule.type == name;
  if (kind == "gradient") return experiment.optimizer.fields.find("clip_norm") != nullptr;
  return uses_layer(experiment.model.layers, kind, name);
}

// Why the backend takes no op of the training step in the setting's dtype; empty if it takes some.
std::string refuses(const Setting& setting, const Backend& backend) {
  const Graph graph = setting.training_graph(setting.dtype());
  std::string reason;
  for (std::int32_t n = 0; n < static_cast<std::int32_t>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n, 0});
    if (node.kind != NodeKind::op || node.op->view) continue;
    const std::int32_t alone[] = {n};
    const Offer offer = backend.offer(make_site(graph, alone).site);
    const auto* const refusal = std::get_if<Refusal>(&offer);
    if (refusal == nullptr) return "";
    if (reason.empty()) reason = refusal->reason;
  }
  return reason;
}

// What a program leaves behind, by name.
std::map<std::string, Tensor> left_by(const Graph& graph, Program& program, const StateStore& states) {
  std::map<std::string, Tensor> left;
  for (const auto& [name, id] : graph.outputs()) {
    left.emplace("output '" + name + "'", Tensor::copy_of(program.output(name)));
  }
  for (const auto& [state, successor] : graph.updates()) {
    const std::string& name = graph.node(state).name;
    left.emplace("state '" + name + "'", states.read(name));
  }
  return left;
}

std::map<std::string, Tensor> states_of(const Setting& setting, const StateStore& states) {
  std::map<std::string, Tensor> values;
  for (const StateInfo& info : setting.model().states())
    values.emplace("state '" + info.name + "'", states.read(info.name));
  return values;
}

Check compare_bits(const std::map<std::string, Tensor>& want, const std::map<std::string, Tensor>& got,
                   const std::string& what, const std::string& basis, const ProgramSubject& subject) {
  Check check;
  check.oracle = Oracle::program;
  check.subject = whole_program(what, subject);
  check.basis = basis;
  for (const auto& [name, value] : want) {
    check.judged += value.count();
    if (std::memcmp(value.data(), got.at(name).data(), value.spec().bytes()) == 0) continue;
    check.status = Status::failed;
    check.detail += (check.detail.empty() ? "" : "\n  ") + name + " differs";
    check.reproduce = subject.reproduce;
  }
  return check;
}

// Derivative rules are proven in quad: in the setting's dtype they build the same graph.
Check in_quad_alike(const Setting& setting, const std::string& command) {
  Check check;
  check.oracle = Oracle::program;
  check.subject = {"gradient", {}, {}, setting.dtype(), "graph in quad", {}, SubjectKind::program};
  check.basis = "exact: the graph of the training step in quad, node by node";
  const Graph training = setting.training_graph(setting.dtype());
  check.judged = static_cast<std::int64_t>(training.nodes().size());
  check.detail = first_difference(training, setting.training_graph(DType::quad));
  if (check.detail.empty()) return check;
  check.status = Status::failed;
  check.reproduce =
      fmt::format("{} --dtype {} -k '={}'", command, assay::name_of(setting.dtype()), check.id());
  return check;
}

bool expands(const Program& program) {
  return std::ranges::any_of(program.placements(),
                             [](const Placement& row) { return !row.expanded_from.empty(); });
}

// One of a model's graphs as a program of the backend.
Report verify_graph(const Setting& setting, const Graph& graph, const std::string& mode,
                    const Backend& backend, const std::string& command, const Selector& selector,
                    const Compile& compile, const std::vector<const Backend*>& others) {
  StateStore states;
  Arena arena;
  setting.write_states(states);
  const auto given = states_of(setting, states);
  const bool is_reference = backend.name() == "reference";
  std::vector<const Backend*> backends{&backend};
  if (!is_reference) backends.push_back(&setting.reference());
  Program program = compile(graph, backends, states, arena);
  const ProgramSubject subject{
      std::string(backend.name()), setting.dtype(),
      fmt::format("{} --backend {} --dtype {}", command, backend.name(), assay::name_of(setting.dtype())),
      mode, others};
  Report report;
  const auto file = [&](Check check) {
    if (selector.matches(check.id())) report.add(std::move(check));
  };
  file(compare_bits(given, states_of(setting, states), "states",
                    "exact: compilation rearranges states, and changes none", subject));
  setting.set_inputs(program);
  report.append(verify_program(program, states, setting.reference(), subject, selector).report);
  const auto observed = left_by(graph, program, states);
  if (is_reference)
    file(compare_with_graph(graph, evaluate(graph, setting.reference(), setting.bindings(graph)), program,
                            states, subject));
  // As it runs where nobody looks, and where another program has enlarged the arena that they share.
  setting.write_states(states);
  arena.reserve(program.memory().arena_bytes + 1);
  setting.set_inputs(program);
  program.run();
  file(compare_bits(observed, left_by(graph, program, states), "unobserved run",
                    "exact: the bits of the observed run, in a larger arena", subject));
  return report;
}

// What the ops of a model's graphs that the backend takes in parts add up to, in quad.
std::vector<Check> compare_placed(const Setting& setting, const Backend& backend, const BuiltGraph& training,
                                  const BuiltGraph& inference, const std::string& command) {
  const Backend* const backends[] = {&backend, &setting.reference()};
  const auto compare = [&](const Graph& graph, const BuiltGraph& built, const std::string& mode) {
    StateStore states;
    Arena arena;
    setting.write_states(states);
    const Program program = Program::compile(graph, backends, states, arena);
    const ProgramSubject subject{
        std::string(backend.name()),
        setting.dtype(),
        fmt::format("{} --backend {} --dtype {}", command, backend.name(), assay::name_of(setting.dtype())),
        mode,
        {}};
    return expands(program) ? std::vector{compare_placed(built.graph, built.values, built.bindings, program,
                                                         setting.reference(), subject)}
                            : std::vector<Check>{};
  };
  std::vector<Check> checks = compare(setting.training_graph(setting.dtype()), training, "");
  for (Check& check : compare(setting.inference_graph(setting.dtype()), inference, "inference"))
    checks.push_back(std::move(check));
  return checks;
}

}  // namespace

Program compile_as_usual(const Graph& graph, std::span<const Backend* const> backends, StateStore& states,
                         Arena& arena) {
  return Program::compile(graph, backends, states, arena);
}

Report verify_training(const Setting& setting, const Backend& backend, const std::string& command,
                       const Selector& selector, const Compile& compile,
                       const std::vector<const Backend*>& others) {
  return verify_graph(setting, setting.training_graph(setting.dtype()), "", backend, command, selector,
                      compile, others);
}

Report verify_inference(const Setting& setting, const Backend& backend, const std::string& command,
                        const Selector& selector, const Compile& compile,
                        const std::vector<const Backend*>& others) {
  return verify_graph(setting, setting.inference_graph(setting.dtype()), "inference", backend, command,
                      selector, compile, others);
}

ExperimentReport verify_experiment(const Experiment& experiment, const Registry& registry,
                                   const ExperimentOptions& options) {
  const Selector selector(options.select);
  std::vector<std::string> names = options.backends.empty() ? registry.backends.names() : options.backends;
  // The reference first: where it fails, the others are measured against a wrong definition.
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return name == "reference"; });
  std::vector<std::unique_ptr<Backend>> backends;
  // The backend that the experiment trains on is judged as it is configured there.
  for (const std::string& name : names) {
    const bool own = name == experiment.backend.type;
    backends.push_back(registry.create_backend(name, own ? experiment.backend.fields : Fields{}, 1));
  }

  ExperimentReport report;
  std::map<std::string, std::vector<TensorError>> errors;
  std::vector<std::string> order;
  bool proven = false;
  for (const DType dtype : options.dtypes) {
    const Setting setting(experiment, registry, dtype, options.batch, options.samples);
    report.samples = setting.rows();
    std::vector<const Backend*> others;
    for (const auto& backend : backends) others.push_back(backend.get());
    if (names.front() != "reference") others.push_back(&setting.reference());
    const Graph exact_graph = simplify(setting.trace_graph(DType::quad));
    const Bindings exact_bindings = setting.bindings(exact_graph);
    const Values exact = evaluate(exact_graph, setting.reference(), exact_bindings);
    if (Check same = in_quad_alike(setting, options.command); selector.matches(same.id()))
      report.checks.add(std::move(same));
    for (const auto& backend : backends) {
      if (const std::string reason = refuses(setting, *backend); !reason.empty()) {
        Check skipped;
        skipped.oracle = Oracle::lockstep;
        skipped.subject = {"program", std::string(backend->name()), {}, dtype, "whole program",
                           {},        SubjectKind::program};
        skipped.status = Status::skipped;
        skipped.detail = fmt::format("{}: {}", backend->name(), reason);
        report.checks.add(std::move(skipped));
        continue;
      }
      report.checks.append(
          verify_training(setting, *backend, options.command, selector, compile_as_usual, others));
      report.checks.append(
          verify_inference(setting, *backend, options.command, selector, compile_as_usual, others));
      if (options.stop_at_first_failure && report.checks.count(Status::failed) > 0) return report;
      report.columns.push_back(fmt::format("{} {}", backend->name(), assay::name_of(dtype)));
      const std::map<std::string, Tensor> got = trace(setting, *backend);
      for (const auto& [name, id] : exact_graph.outputs()) {
        if (!is_real(exact_graph.spec(id).dtype) || name == "input" || name == "target") continue;
        const auto [row, added] = errors.try_emplace(name);
        if (added) order.push_back(name);
        row->second.push_back(error_of(got.at(name).view(), exact.at(id).view()));
      }
    }
    // The rule is proven once, on the numbers of the first dtype.
    if (!std::exchange(proven, true)) {
      const BuiltGraph training(setting, setting.training_graph(DType::quad)),
          inference(setting, setting.inference_graph(DType::quad));
      const auto file = [&](Check check) {
        if (check.status == Status::failed && check.reproduce.empty())
          check.reproduce = fmt::format("{} -k '={}'", options.command, check.id());
        if (selector.matches(check.id())) report.checks.add(std::move(check));
      };
      file(check_training_step(experiment, registry, setting, exact_graph, exact, training));
      for (const auto& backend : backends) {
        if (!refuses(setting, *backend).empty()) continue;
        for (const Check& check : compare_placed(setting, *backend, training, inference, options.command))
          file(check);
      }
      GradientProof proof = prove_gradients(exact_graph, setting.reference(), exact_bindings,
                                            setting.parameters(), selector, options.proof);
      report.checks.append(std::move(proof.report));
      report.differences = std::move(proof.differences);
    }
  }
  report.checks.append(verify_components(
      registry, {options.select, options.command, [&](std::string_view kind, std::string_view name) {
                   return uses(experiment, kind, name);
                 }}));
  for (const std::string& name : order) report.rows.push_back({name, std::move(errors.at(name))});
  return report;
}

}  // namespace assay::verify
