// Program::compile: simplify → schedule → expand → match → place and lay out → decide sharing → plan memory →
// bind.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "assay/core/error.h"
#include "assay/graph/simplify.h"
#include "assay/program/compiled.h"
#include "assay/program/program.h"
#include "assay/program/schedule.h"
#include "assay/program/sharing.h"
#include "assay/program/state_readers.h"

namespace assay {
namespace {

// Where a value lies.
struct Location {
  int slot = -1;
  Layout layout;
  const Backend* owner = nullptr;  // of a layout that is not canonical
};

KernelPtr copy_kernel(std::size_t bytes) {
  return make_kernel([bytes](const Io& io) { std::memcpy(io.out<void>(0), io.in<void>(0), bytes); });
}

class Compiler {
 public:
  Compiler(Program::Compiled& program, std::span<const Backend* const> backends, StateStore& states,
           const CompileOptions& options, std::vector<std::string> origins)
      : program_(program),
        graph_(program.graph),
        backends_(backends),
        states_(states),
        options_(options),
        origins_(std::move(origins)),
        readers_(state_readers(graph_)) {}

  void compile() {
    make_sources();
    place_nodes();
    check_fallbacks();
    place_outputs();
    place_successors();
    for (StateStore::Entry& entry : touched_states_) settle_canonical(entry);
    for (int s : pinned_) slot(s).touch(next_step());
    if (options_.keep_inputs) {
      for (const auto& [name, place] : program_.inputs) slot(place.first).touch(next_step());
    }
    if (options_.in_place) share_in_place(program_);
    plan_arena(program_, options_.reuse_memory);
  }

 private:
  int new_slot(std::size_t bytes) {
    program_.slots.emplace_back();
    program_.slots.back().bytes = bytes;
    return static_cast<int>(program_.slots.size() - 1);
  }
  Slot& slot(int index) { return program_.slots[static_cast<std::size_t>(index)]; }
  int next_step() const { return static_cast<int>(program_.steps.size()); }

  void make_sources() {
    for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Node& node = graph_.nodes()[n];
      if (node.kind == NodeKind::op) continue;
      const Spec& spec = node.outputs[0];
      Location location{new_slot(spec.bytes()), {}, nullptr};
      Slot& s = slot(location.slot);
      if (node.kind == NodeKind::input) {
        s.touch(-1);
        program_.inputs.emplace(node.name, std::pair(location.slot, spec));
      } else if (node.kind == NodeKind::constant) {
        s.kind = Slot::Kind::constant;
        const std::vector<double> fill(static_cast<std::size_t>(spec.count()), node.constant);
        s.constant = Tensor::of(spec.dtype, spec.shape, fill);
        program_.memory.constant_bytes += spec.bytes();
      } else {
        s.kind = Slot::Kind::state;
        s.state = &states_.declare(node.name, spec);
        location.layout = s.state->layout;
        location.owner = s.state->owner;
        touched_states_.push_back(*s.state);
        program_.memory.state_bytes += spec.bytes();
      }
      where_[{static_cast<std::int32_t>(n), 0}] = location;
    }
  }

  static void settle_canonical(StateStore::Entry& entry) { entry.settled = true; }

  void place_nodes() {
    std::map<std::int32_t, Match> turns;  // the node in whose turn a chain runs → the chain
    std::set<std::int32_t> inside;
    if (options_.fuse) {
      for (Match& match : match_patterns(graph_, *backends_.front())) {
        inside.insert(match.nodes.begin(), match.nodes.end());
        turns.emplace(match.turn, match);
      }
    }
    for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
      const auto id = static_cast<std::int32_t>(n);
      const Node& node = graph_.nodes()[n];
      if (node.kind != NodeKind::op) continue;
      if (const auto match = turns.find(id); match != turns.end()) {
        if (!place_fused(match->second)) {
          for (std::int32_t part : match->second.nodes) place_one(part);
        }
      } else if (!inside.contains(id)) {
        place_one(id);
      }
    }
  }

  void place_one(std::int32_t n) {
    const Node& node = graph_.node({n, 0});
    if (node.op->view) {
      where_[{n, 0}] = canonical(node.inputs[0]);
      return;
    }
    const std::int32_t nodes[] = {n};
    BoundSite bound = bind_site(nodes);
    Placement row = describe(nodes);
    for (const Backend* backend : backends_) {
      Offer offer = backend->offer(bound.site);
      if (Plan* plan = std::get_if<Plan>(&offer)) {
        row.fallback = backend != backends_.front();
        add_step(*backend, std::move(*plan), bound, std::move(row));
        return;
      }
      row.refusals.push_back(fmt::format("{}: {}", backend->name(), std::get<Refusal>(offer).reason));
    }
    Error error(fmt::format("no backend takes op '{}'", node.op->name));
    if (!node.scope.empty()) error.in(fmt::format("'{}'", node.scope));
    for (const std::string& refusal : row.refusals) error.note("refused by " + refusal);
    throw error;
  }

  bool place_fused(const Match& match) {
    BoundSite bound = bind_site(match.nodes);
    Offer offer = backends_.front()->offer(bound.site);
    Plan* plan = std::get_if<Plan>(&offer);
    if (plan == nullptr) return false;
    add_step(*backends_.front(), std::move(*plan), bound, describe(match.nodes));
    return true;
  }

  BoundSite bind_site(std::span<const std::int32_t> nodes) {
    BoundSite bound = make_site(graph_, nodes);
    for (std::size_t i = 0; i < bound.inputs.size(); ++i) {
      const Location& location = where_.at(bound.inputs[i]);
      bound.site.inputs[i].layout = location.layout;
      bound.site.inputs[i].layout_free = is_free(location);
      bound.site.inputs[i].read_once = is_free(location) && readers_.read_once.contains(bound.inputs[i]);
    }
    for (std::size_t o = 0; o < bound.outputs.size(); ++o) {
      if (const auto state = readers_.changes.find(bound.outputs[o]); state != readers_.changes.end())
        bound.site.outputs[o].layout = where_.at(state->second).layout;
    }
    return bound;
  }

  bool is_free(const Location& location) {
    const Slot& s = slot(location.slot);
    return s.kind == Slot::Kind::state && !s.state->settled;
  }

  Placement describe(std::span<const std::int32_t> nodes) const {
    Placement row;
    row.nodes.assign(nodes.begin(), nodes.end());
    for (std::int32_t n : nodes) row.op += (row.op.empty() ? "" : "+") + graph_.node({n, 0}).op->name;
    const Node& first = graph_.node({nodes.front(), 0});
    row.scope = first.scope;
    row.backward = first.backward;
    row.expanded_from = origins_[static_cast<std::size_t>(nodes.front())];
    return row;
  }

  void add_step(const Backend& backend, Plan plan, const BoundSite& bound, Placement row) {
    Step step;
    for (std::size_t i = 0; i < bound.inputs.size(); ++i) {
      const Layout wanted = plan.input_layout(i);
      const Location location = in_layout(bound.inputs[i], wanted, backend);
      step.inputs.push_back(location.slot);
      step.reads.push_back({bound.inputs[i], bound.site.input(i), wanted});
    }
    for (std::size_t o = 0; o < bound.site.outputs.size(); ++o) {
      const Layout layout = plan.output_layout(o);
      const Location location{new_slot(layout.bytes_of(bound.site.output(o))), layout,
                              layout.canonical() ? nullptr : &backend};
      where_[bound.outputs[o]] = location;
      step.outputs.push_back(location.slot);
      step.makes.push_back({bound.outputs[o], bound.site.output(o), layout});
    }
    if (plan.scratch_bytes > 0) step.scratch = new_slot(plan.scratch_bytes);
    program_.memory.largest_scratch_bytes =
        std::max(program_.memory.largest_scratch_bytes, plan.scratch_bytes);
    step.in_place = std::move(plan.in_place);
    step.kernel = plan.bind();
    step.backend = &backend;
    row.backend = backend.name();
    row.implementation = std::move(plan.implementation);
    row.accuracy = std::move(plan.accuracy);
    push(std::move(step), std::move(row));
  }

  void push(Step step, Placement row) {
    const int index = next_step();
    for (int s : step.inputs) slot(s).touch(index);
    for (int s : step.outputs) slot(s).touch(index);
    if (step.scratch >= 0) slot(step.scratch).touch(index);
    step.in.resize(step.inputs.size());
    step.out.resize(step.outputs.size());
    program_.steps.push_back(std::move(step));
    program_.placements.push_back(std::move(row));
  }

  // The value in the wanted layout: as it lies, by claiming a free state, or by a reorder that later readers
  // share.
  Location in_layout(ValueId id, const Layout& wanted, const Backend& backend) {
    Location& location = where_.at(id);
    if (is_free(location)) {
      states_.settle(*slot(location.slot).state, wanted, &backend);
      location.layout = wanted;
      location.owner = wanted.canonical() ? nullptr : &backend;
      slot(location.slot).bytes = wanted.bytes_of(graph_.spec(id));
    }
    if (location.layout == wanted) return location;
    const auto key = std::pair(location.slot, wanted.key);
    if (const auto known = reordered_.find(key); known != reordered_.end()) return known->second;
    // Two foreign layouts meet in the canonical one.
    Location from = location;
    if (!from.layout.canonical() && !wanted.canonical() && from.owner != &backend) from = canonical(id);
    const Backend& able = wanted.canonical() ? *from.owner : backend;
    const Location to = reorder(id, from, wanted, able);
    reordered_[key] = to;
    return to;
  }

  Location canonical(ValueId id) {
    const Location& location = where_.at(id);
    return location.layout.canonical() ? in_layout(id, {}, *backends_.front())
                                       : in_layout(id, {}, *location.owner);
  }

  Location reorder(ValueId id, const Location& from, const Layout& to, const Backend& backend) {
    Location result{new_slot(to.bytes_of(graph_.spec(id))), to, to.canonical() ? nullptr : &backend};
    append_reorder(id, from, result, backend);
    return result;
  }

  void append_reorder(ValueId id, const Location& from, const Location& to, const Backend& backend) {
    const Spec& spec = graph_.spec(id);
    Step step;
    step.backend = &backend;
    step.kernel = backend.reorder(spec, from.layout, to.layout);
    if (!step.kernel)
      throw Error(fmt::format("internal: backend '{}' cannot reorder {}", backend.name(), spec.to_string()));
    step.inputs = {from.slot};
    step.outputs = {to.slot};
    step.reads = {{id, spec, from.layout}};
    step.makes = {{id, spec, to.layout}};
    ++program_.memory.reorders;
    push(std::move(step), plain_row("reorder", graph_.node(id).scope, std::string(backend.name())));
  }

  void append_copy(ValueId id, const Location& from, int to) {
    Step step;
    step.kernel = copy_kernel(slot(to).bytes);
    step.backend = from.owner;  // whose layout is copied as it lies
    step.inputs = {from.slot};
    step.outputs = {to};
    step.reads = step.makes = {{id, graph_.spec(id), from.layout}};
    push(std::move(step), plain_row("copy", graph_.node(id).scope, "program"));
  }

  static Placement plain_row(std::string op, std::string scope, std::string backend) {
    Placement row;
    row.op = op;
    row.scope = std::move(scope);
    row.backend = std::move(backend);
    row.implementation = std::move(op);
    return row;
  }

  void check_fallbacks() const {
    if (options_.fallback != Fallback::forbid) return;
    std::vector<Diagnostic> diagnostics;
    for (const Placement& row : program_.placements) {
      if (!row.fallback) continue;
      Diagnostic diagnostic;
      diagnostic.message =
          fmt::format("op '{}' falls back to '{}', and the experiment forbids it", row.op, row.backend);
      if (!row.scope.empty()) diagnostic.context.push_back(fmt::format("'{}'", row.scope));
      for (const std::string& refusal : row.refusals) diagnostic.notes.push_back("refused by " + refusal);
      diagnostics.push_back(std::move(diagnostic));
    }
    if (diagnostics.empty()) return;
    diagnostics.back().help.push_back("choose another backend, or set 'fallback: report'");
    throw Error(std::move(diagnostics));
  }

  // Outputs stand in the canonical layout, in buffers that live to the end. A state's storage will hold its
  // successor by then, so an output that is a state's old value gets a copy.
  void place_outputs() {
    for (const auto& [name, id] : graph_.outputs()) {
      Location location = canonical(id);
      if (slot(location.slot).kind == Slot::Kind::state) {
        const int copy = new_slot(graph_.spec(id).bytes());
        append_copy(id, location, copy);
        location.slot = copy;
      }
      pinned_.insert(location.slot);
      program_.outputs.emplace(name, std::pair(location.slot, graph_.spec(id)));
    }
  }

  // Each state's successor ends in the state's storage: written there directly where the old value has had
  // its last reader, else copied there at the end.
  void place_successors() {
    struct Move {
      ValueId state, successor;
      Location from;
    };
    std::vector<Move> moves;
    for (const auto& [state, successor] : graph_.updates()) {
      Location& home = where_.at(state);
      if (is_free(home)) {
        slot(home.slot).state->settled = true;  // nothing claimed it: it stays as it lies
      }
      Location location = where_.at(successor);
      if (location.slot == home.slot) continue;
      if (slot(location.slot).kind ==
          Slot::Kind::state) {  // another state's old value: saved before it is overwritten
        const int copy = new_slot(slot(location.slot).bytes);
        append_copy(successor, location, copy);
        location.slot = copy;
      } else if (location.layout == home.layout && !pinned_.contains(location.slot) &&
                 write_directly(program_, home.slot, location.slot)) {
        continue;
      }
      moves.push_back({state, successor, location});
    }
    for (const auto& [state, successor, from] : moves) {
      const Location& home = where_.at(state);
      if (from.layout == home.layout) {
        append_copy(successor, from, home.slot);
        continue;
      }
      Location canonical_from = from;
      if (!from.layout.canonical() && !home.layout.canonical() && from.owner != home.owner) {
        canonical_from = reorder(successor, from, {}, *from.owner);
      }
      append_reorder(successor, canonical_from, home, home.layout.canonical() ? *from.owner : *home.owner);
    }
  }

  Program::Compiled& program_;
  const Graph& graph_;
  std::span<const Backend* const> backends_;
  StateStore& states_;
  const CompileOptions& options_;
  std::vector<std::string> origins_;
  std::map<ValueId, Location> where_;
  const StateReaders readers_;
  std::map<std::pair<int, std::string>, Location> reordered_;
  std::vector<std::reference_wrapper<StateStore::Entry>> touched_states_;
  std::set<int> pinned_;
};

}  // namespace

Program Program::compile(const Graph& graph, std::span<const Backend* const> backends, StateStore& states,
                         Arena& arena, const CompileOptions& options) {
  if (backends.empty()) throw Error("a program needs at least one backend");
  Graph simplified = simplify(graph);
  verify_graph(simplified);
  Expanded expanded = expand_refused(simplified, *backends.front());
  // Expansion repeats what coarse ops shared; scheduling comes last, for it depends on every reader.
  std::vector<std::string> origins = std::move(expanded.origins);
  Graph scheduled = schedule(expanded.graph, origins);
  verify_graph(scheduled);

  auto compiled = std::make_unique<Compiled>(std::move(scheduled));
  compiled->arena = &arena;
  Compiler(*compiled, backends, states, options, std::move(origins)).compile();
  arena.reserve(compiled->memory.arena_bytes);
  compiled->bind();
  return Program(std::move(compiled));
}

}  // namespace assay
