#include "assay/verify/program_oracle.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "assay/core/quad.h"
#include "assay/program/place.h"
#include "assay/verify/bounds.h"
#include "assay/verify/crash.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/guarded_run.h"
#include "assay/verify/op_site.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.data(), b.data(), a.spec().bytes()) == 0;
}

class Observer {
 public:
  Observer(Program& program, const StateStore& states, const Backend& reference,
           const ProgramSubject& subject, const Selector& selector)
      : program_(program),
        graph_(program.graph()),
        states_(states),
        reference_(reference),
        subject_(subject),
        selector_(selector) {
    for (std::int32_t n = 0; n < static_cast<std::int32_t>(graph_.nodes().size()); ++n) {
      const Node& node = graph_.node({n, 0});
      const ValueId id{n, 0};
      if (node.kind == NodeKind::input) {
        run_.values.emplace(id, Tensor::copy_of(program.input(node.name)));
      } else if (node.kind == NodeKind::state) {
        run_.values.emplace(id, states.read(node.name));
      } else if (node.kind == NodeKind::constant) {
        const std::vector<double> fill(static_cast<std::size_t>(node.outputs[0].count()), node.constant);
        run_.values.emplace(id, Tensor::of(node.outputs[0].dtype, node.outputs[0].shape, fill));
      }
    }
  }

  void before(const Program::Observation& step) {
    if (!step.placement.nodes.empty()) judging_.emplace(check_of(step.placement).id());
    inputs_.clear();
    for (std::size_t i = 0; i < step.reads.size(); ++i) {
      inputs_.push_back(step.read(i));
      const ValueId id = source(step.reads[i].id);
      const auto known = run_.values.find(id);
      ++operands_;
      if (known == run_.values.end()) {
        disorder(step, fmt::format("reads operand {} before anything has made it", i));
      } else if (std::memcmp(known->second.data(), inputs_.back().data(), inputs_.back().spec().bytes()) !=
                 0) {
        disorder(step, fmt::format("operand {} {} is not what '{}' left", i,
                                   inputs_.back().spec().to_string(), graph_.node(id).label()));
      }
    }
  }

  void after(const Program::Observation& step) {
    std::vector<Tensor> outputs;
    for (std::size_t o = 0; o < step.makes.size(); ++o) outputs.push_back(step.made(o));
    const bool moves = step.placement.nodes.empty();
    if (moves) {
      ++operands_;
      if (!same(inputs_[0].clone(), outputs[0])) disorder(step, "changes the value that it moves");
    } else {
      judge(step, outputs);
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        if (!run_.values.emplace(step.makes[o].id, std::move(outputs[o])).second)
          disorder(step, "makes a value that stands already");
      }
    }
    judging_.reset();
    ++step_;
  }

  ProgramRun finish() {
    for (const auto& [name, id] : graph_.outputs()) {
      const TensorView view = program_.output(name);
      ++operands_;
      const auto made = run_.values.find(source(id));
      if (made == run_.values.end() || std::memcmp(made->second.data(), view.data, view.spec.bytes()) != 0)
        note(fmt::format("output '{}' is not what was computed for it", name));
    }
    for (const auto& [state, successor] : graph_.updates()) {
      const std::string& name = graph_.node(state).name;
      ++operands_;
      const auto made = run_.values.find(source(successor));
      if (made == run_.values.end() ||
          std::memcmp(made->second.data(), states_.read(name).data(), made->second.spec().bytes()) != 0)
        note(fmt::format("state '{}' does not hold its successor", name));
    }
    Check flow;
    flow.oracle = Oracle::program;
    flow.subject = whole_program("data flow", subject_);
    flow.basis = "exact: every operand as its producer left it";
    flow.judged = operands_;
    if (!disorder_.empty()) {
      flow.status = Status::failed;
      flow.detail = disorder_;
      flow.reproduce = subject_.reproduce;
    }
    if (selector_.matches(flow.id())) run_.report.add(std::move(flow));
    return std::move(run_);
  }

 private:
  // The value behind views, which no kernel makes.
  ValueId source(ValueId id) const {
    while (graph_.node(id).kind == NodeKind::op && graph_.node(id).op->view) id = graph_.node(id).inputs[0];
    return id;
  }

  void note(const std::string& what) { disorder_ += (disorder_.empty() ? "" : "\n  ") + what; }
  void disorder(const Program::Observation& step, const std::string& what) {
    note(fmt::format("step {}, op '{}' of '{}': {}", step_, step.placement.op, step.placement.scope, what));
  }

  std::vector<std::string> output_names(const BoundSite& bound) const {
    std::vector<std::string> names;
    for (const ValueId id : bound.outputs)
      names.push_back(graph_.node(id).op->outputs[static_cast<std::size_t>(id.output)]);
    return names;
  }

  // What other backends make of the same inputs at the worst element, each with its share of its own bound.
  std::string beside(const Site& site, const std::string& judged, const Comparison& result) const {
    std::string text;
    for (const Backend* other : subject_.others) {
      if (other->name() == judged) continue;
      std::string refusal;
      const BoundKernel kernel = bind_kernel(*other, site, refusal);
      if (!kernel.kernel) continue;
      const Bounded bounded = run_on_bounds(reference_, site, inputs_, kernel.plan.accuracy);
      if (!bounded.refusal.empty()) continue;
      const std::vector<Tensor> outputs = run(kernel, inputs_);
      const Comparison own = compare(outputs, bounded);
      text += fmt::format("\n  {} makes {} of the same inputs at {}, {}", other->name(),
                          element(outputs[result.worst_output].view(), result.worst_index),
                          site.output(result.worst_output).shape.index_text(result.worst_index),
                          own.failed == 0 ? fmt::format("and keeps its bound ({:.2f} of it)", own.ratio)
                                          : std::string("and is beyond its bound, too"));
    }
    return text;
  }

  // Without its shapes.
  Check check_of(const Placement& row) const {
    Check check;
    check.oracle = Oracle::lockstep;
    check.subject = {
        row.op,
        row.backend,
        row.implementation,
        subject_.dtype,
        fmt::format("{}{}{} step {}", row.scope.empty() ? "program" : row.scope,
                    subject_.mode.empty() ? "" : " " + subject_.mode, row.backward ? " backward" : "", step_),
        {}};
    check.position = row.nodes.back();
    return check;
  }

  void judge(const Program::Observation& step, const std::vector<Tensor>& outputs) {
    const Placement& row = step.placement;
    Check check = check_of(row);
    const std::string id = check.id();
    if (!selector_.matches(id)) return;
    const BoundSite bound = make_site(graph_, row.nodes);
    check.subject.shapes = shapes_of(bound.site);
    const Bounded bounded = run_on_bounds(reference_, bound.site, inputs_, row.accuracy);
    if (!bounded.refusal.empty()) {
      check.status = Status::skipped;
      check.detail = bounded.refusal;
    } else {
      const Comparison result = compare(outputs, bounded, output_names(bound));
      check.basis = basis_of(bounded, row.accuracy);
      check.ratio = result.ratio;
      check.judged = result.judged;
      check.detail = result.detail;
      if (result.failed > 0) {
        check.status = Status::failed;
        check.detail += beside(bound.site, row.backend, result);
        check.reproduce = fmt::format("{} -k '={}'", subject_.reproduce, id);
      }
    }
    run_.report.add(std::move(check));
  }

  Program& program_;
  const Graph& graph_;
  const StateStore& states_;
  const Backend& reference_;
  const ProgramSubject& subject_;
  const Selector& selector_;
  ProgramRun run_;
  std::vector<Tensor> inputs_;
  int step_ = 0;
  std::optional<Judging> judging_;
  std::int64_t operands_ = 0;
  std::string disorder_;
};

}  // namespace

Subject whole_program(std::string what, const ProgramSubject& subject) {
  return {std::move(what),
          subject.backend,
          {},
          subject.dtype,
          "whole program" + (subject.mode.empty() ? "" : ", " + subject.mode),
          {},
          SubjectKind::program};
}

ProgramRun verify_program(Program& program, const StateStore& states, const Backend& reference,
                          const ProgramSubject& subject, const Selector& selector) {
  Observer observer(program, states, reference, subject, selector);
  program.run_observed([&](const Program::Observation& step) { observer.after(step); },
                       [&](const Program::Observation& step) { observer.before(step); });
  return observer.finish();
}

Check compare_with_graph(const Graph& original, const std::map<ValueId, Tensor>& values, Program& program,
                         const StateStore& states, const ProgramSubject& subject) {
  Check check;
  check.oracle = Oracle::program;
  check.subject = whole_program("compilation", subject);
  check.basis = "exact: the bits of the graph run node by node, one buffer per value";
  const auto differ = [&](const std::string& what, const Tensor& want, const void* got) {
    check.judged += want.count();
    if (std::memcmp(want.data(), got, want.spec().bytes()) == 0) return;
    check.status = Status::failed;
    check.detail += (check.detail.empty() ? "" : "\n  ") + what + " differs";
  };
  for (const auto& [name, id] : original.outputs())
    differ(fmt::format("output '{}'", name), values.at(id), program.output(name).data);
  for (const auto& [state, successor] : original.updates()) {
    const std::string& name = original.node(state).name;
    const Tensor now = states.read(name);
    differ(fmt::format("state '{}'", name), values.at(successor), now.data());
  }
  if (check.status == Status::failed) check.reproduce = subject.reproduce;
  return check;
}

Check compare_placed(const Graph& original, const std::map<ValueId, Tensor>& values,
                     const std::map<std::string, Tensor, std::less<>>& bindings, const Program& program,
                     const Backend& reference, const ProgramSubject& subject) {
  Check check;
  check.oracle = Oracle::program;
  check.subject = whole_program("compilation", subject);
  check.basis = "the placed graph in quad against the graph that was built, held to 2⁻⁵³ max |·|";
  const Graph placed = with_dtype(program.graph(), DType::quad);
  const Values got = evaluate(placed, reference, bindings);
  const auto compare = [&](const std::string& what, ValueId want, ValueId is) {
    const Tensor& tensor = values.at(want);
    if (!is_real(tensor.dtype())) return;
    const auto a = tensor.as<Quad>(), b = got.at(is).as<Quad>();
    Quad largest(0);
    for (const Quad& x : a) largest = maximum(largest, abs(x));
    for (std::size_t i = 0; i < a.size(); ++i) {
      ++check.judged;
      if (abs(Quad(a[i] - b[i])) <= Quad(kOracleRoundoff) * largest) continue;
      check.status = Status::failed;
      check.detail += fmt::format(
          "{}{} at {} is {}, but {} where the graph was built", check.detail.empty() ? "" : "\n  ", what,
          tensor.shape().index_text(static_cast<std::int64_t>(i)), b[i].to_string(17), a[i].to_string(17));
      return;
    }
  };
  for (const auto& [name, id] : original.outputs())
    compare(fmt::format("output '{}'", name), id, placed.find_output(name));
  std::map<std::string, ValueId> successors;
  for (const auto& [state, id] : placed.updates()) successors.emplace(placed.node(state).name, id);
  for (const auto& [state, id] : original.updates()) {
    const std::string& name = original.node(state).name;
    compare(fmt::format("state '{}'", name), id, successors.at(name));
  }
  if (check.status == Status::failed) check.reproduce = subject.reproduce;
  return check;
}

}  // namespace assay::verify
