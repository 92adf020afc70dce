#include "assay/verify/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "assay/core/error.h"
#include "assay/experiment/problem.h"
#include "assay/experiment/trace.h"
#include "assay/graph/simplify.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/program_oracle.h"

namespace assay::verify {
namespace {

Tensor first_rows(const Tensor& tensor, std::int64_t rows) {
  Tensor part(Spec{tensor.dtype(), tensor.shape().with(0, rows)});
  std::memcpy(part.data(), tensor.data(), part.spec().bytes());
  return part;
}

// One dtype's data and parameters, and what follows from them exactly.
class Setting {
 public:
  Setting(const Experiment& experiment, const Registry& registry, DType dtype, const ExperimentOptions& options)
      : experiment_(with_dtype(experiment, dtype)),
        problem_(experiment_, registry, experiment_.seeds.front()),
        registry_(registry),
        options_(options),
        dtype_(dtype),
        reference_(registry.create_backend("reference", {}, 1)) {
    TraceBatch all = trace_batch(problem_, options.batch);
    rows_ = std::min<std::int64_t>(options.samples, all.sample.count());
    batch_ = {first_rows(all.input, rows_), first_rows(all.target, rows_), first_rows(all.sample, rows_)};
    problem_.initialize(states_);
    bind();
  }

  std::int64_t rows() const { return rows_; }
  const Backend& reference() const { return *reference_; }

  std::vector<std::string> parameters() const {
    std::vector<std::string> names;
    for (const StateInfo& info : problem_.model().states()) {
      if (info.kind == StateKind::parameter) names.push_back(info.name);
    }
    return names;
  }

  Graph trace_graph(DType dtype) const { return problem_.model().trace_graph(rows_, dtype); }

  // Inputs and states converted for a graph of real values of `dtype`.
  Bindings bindings(const Graph& graph) const {
    Bindings bound;
    for (const Node& node : graph.nodes()) {
      if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
      Tensor value(node.outputs[0]);
      convert(bindings_.at(node.name).view(), value.view());
      bound.emplace(node.name, std::move(value));
    }
    return bound;
  }

  // Runs the trace graph on a backend. Tensors by name.
  std::map<std::string, Tensor> trace(const Backend& backend) const {
    StateStore states;
    Arena arena;
    write_states(states);
    const Graph graph = trace_graph(dtype_);
    const Backend* const backends[] = {&backend, reference_.get()};
    Program program = Program::compile(graph, backends, states, arena);
    set_inputs(program);
    program.run();
    std::map<std::string, Tensor> tensors;
    for (const auto& [name, id] : graph.outputs()) {
      const TensorView view = program.output(name);
      Tensor copy(view.spec);
      std::memcpy(copy.data(), view.data, view.spec.bytes());
      tensors.emplace(name, std::move(copy));
    }
    return tensors;
  }

  // One step of training on a backend, every op of it judged.
  Report train(const Backend& backend, const Selector& selector) const {
    StateStore states;
    Arena arena;
    write_states(states);
    const Graph graph = problem_.model().training_graph(rows_, dtype_);
    const bool is_reference = backend.name() == "reference";
    std::vector<const Backend*> backends{&backend};
    if (!is_reference) backends.push_back(reference_.get());
    Program program = Program::compile(graph, backends, states, arena);
    set_inputs(program);
    const ProgramSubject subject{std::string(backend.name()), dtype_,
                                 fmt::format("{} --backend {} --dtype {}", options_.command, backend.name(),
                                             assay::name_of(dtype_))};
    ProgramRun run = verify_program(program, states, *reference_, subject, selector);
    if (is_reference) {
      Check check = compare_with_graph(graph, evaluate(graph, *reference_, bindings(graph)), program, states, subject);
      if (selector.matches(check.id())) run.report.add(std::move(check));
    }
    return std::move(run.report);
  }

 private:
  static Experiment with_dtype(Experiment experiment, DType dtype) {
    experiment.dtype = dtype;
    experiment.backend = {};  // the backends under verification are made apart
    return experiment;
  }

  // Everything that a graph of this model may ask for, by name.
  void bind() {
    for (const StateInfo& info : problem_.model().states()) bindings_.emplace(info.name, states_.read(info.name));
    bindings_.emplace("input", batch_.input.clone());
    bindings_.emplace("target", batch_.target.clone());
    bindings_.emplace("sample", batch_.sample.clone());
    bindings_.emplace("learning_rate", Tensor::of(dtype_, Shape{}, std::vector<double>{problem_.model().learning_rate()}));
    bindings_.emplace("step", Tensor::of(DType::i32, Shape{}, std::vector<double>{1}));
    const std::uint64_t seed = problem_.seed();
    Tensor key(Spec{DType::i32, Shape{3}});
    key.as<std::int32_t>()[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed));
    key.as<std::int32_t>()[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(seed >> 32));
    bindings_.emplace("key", std::move(key));
  }

  void write_states(StateStore& states) const {
    for (const StateInfo& info : problem_.model().states()) {
      states.declare(info.name, {dtype_, info.shape});
      states.write(info.name, bindings_.at(info.name).view());
    }
  }
  void set_inputs(Program& program) const {
    for (const auto& [name, value] : bindings_) {
      if (program.has_input(name)) convert(value.view(), program.input(name));
    }
  }

  const Experiment experiment_;
  const Problem problem_;
  const Registry& registry_;
  const ExperimentOptions& options_;
  const DType dtype_;
  const std::unique_ptr<Backend> reference_;
  std::int64_t rows_ = 0;
  TraceBatch batch_;
  StateStore states_;
  Bindings bindings_;
};

// Whether a backend computes in a dtype at all: it takes an addition.
std::string refuses(const Registry& registry, const Backend& backend, DType dtype) {
  Graph graph(registry.ops);
  const Value x = graph.input("x", {dtype, Shape{2, 2}}), w = graph.input("w", {dtype, Shape{2, 2}});
  const std::int32_t node[] = {graph.apply("linear", {x, w}).id().node};
  const Offer offer = backend.offer(make_site(graph, node).site);
  if (const auto* refusal = std::get_if<Refusal>(&offer)) return refusal->reason;
  return "";
}

}  // namespace

ExperimentReport verify_experiment(const Experiment& experiment, const Registry& registry,
                                   const ExperimentOptions& options) {
  const Selector selector(options.select);
  std::vector<std::string> names = options.backends.empty() ? registry.backends.names() : options.backends;
  // The reference first: where it fails, the others are measured against a wrong definition.
  std::ranges::stable_partition(names, [](const std::string& name) { return name == "reference"; });
  std::vector<std::unique_ptr<Backend>> backends;
  for (const std::string& name : names) backends.push_back(registry.create_backend(name, {}, 1));

  ExperimentReport report;
  std::map<std::string, std::vector<TensorError>> errors;
  std::vector<std::string> order;
  bool proven = false;
  for (const DType dtype : options.dtypes) {
    const Setting setting(experiment, registry, dtype, options);
    report.samples = setting.rows();
    const Graph exact_graph = simplify(setting.trace_graph(DType::quad));
    const Bindings exact_bindings = setting.bindings(exact_graph);
    const Values exact = evaluate(exact_graph, setting.reference(), exact_bindings);
    for (const auto& backend : backends) {
      if (const std::string reason = refuses(registry, *backend, dtype); !reason.empty()) {
        Check skipped;
        skipped.oracle = Oracle::lockstep;
        skipped.subject = {"program", std::string(backend->name()), {}, dtype, "whole program", {}};
        skipped.status = Status::skipped;
        skipped.detail = fmt::format("{}: {}", backend->name(), reason);
        report.checks.add(std::move(skipped));
        continue;
      }
      report.checks.append(setting.train(*backend, selector));
      report.columns.push_back(fmt::format("{} {}", backend->name(), assay::name_of(dtype)));
      const std::map<std::string, Tensor> got = setting.trace(*backend);
      for (const auto& [name, id] : exact_graph.outputs()) {
        if (!is_real(exact_graph.spec(id).dtype) || name == "input" || name == "target") continue;
        const auto [row, added] = errors.try_emplace(name);
        if (added) order.push_back(name);
        row->second.push_back(error_of(got.at(name).view(), exact.at(id).view()));
      }
    }
    // The rule is proven once, on the numbers of the first dtype.
    if (!std::exchange(proven, true)) {
      GradientProof proof = prove_gradients(exact_graph, setting.reference(), exact_bindings, setting.parameters(),
                                            selector, options.proof);
      report.checks.append(std::move(proof.report));
      report.differences = std::move(proof.differences);
    }
  }
  for (const std::string& name : order) report.rows.push_back({name, std::move(errors.at(name))});
  return report;
}

}  // namespace assay::verify
