#include "assay/program/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "assay/core/error.h"
#include "assay/program/compiled.h"

namespace assay {

void* Program::Compiled::address(int index) const noexcept {
  const Slot& slot = slots[static_cast<std::size_t>(index)];
  switch (slot.kind) {
    case Slot::Kind::arena:
      return static_cast<std::byte*>(arena->data()) + slot.offset;
    case Slot::Kind::state:
      return slot.state->buffer.data();
    case Slot::Kind::constant:
      return slot.constant.data();
  }
  return nullptr;
}

void Program::Compiled::bind() noexcept {
  bound.resize(steps.size());
  for (std::size_t s = 0; s < steps.size(); ++s) {
    Step& step = steps[s];
    for (std::size_t i = 0; i < step.inputs.size(); ++i) step.in[i] = address(step.inputs[i]);
    for (std::size_t o = 0; o < step.outputs.size(); ++o) step.out[o] = address(step.outputs[o]);
    if (step.scratch >= 0) step.memory = address(step.scratch);
    bound[s] = {step.kernel.get(), Io{step.in.data(), step.out.data(), step.memory}};
  }
  generation = arena->generation();
}

Program::Program(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

namespace {
using Places = std::map<std::string, std::pair<int, Spec>, std::less<>>;

const std::pair<int, Spec>& place_of(const Places& places, std::string_view name, std::string_view what) {
  if (const auto it = places.find(name); it != places.end()) return it->second;
  std::vector<std::string> known;
  for (const auto& [key, value] : places) known.push_back(key);
  throw Error(fmt::format("the program has no {} named '{}'", what, name))
      .help(suggestion(what, name, known));
}
}  // namespace

TensorView Program::input(std::string_view name) {
  const auto& [slot, spec] = place_of(compiled_->inputs, name, "input");
  return {compiled_->address(slot), spec};
}
TensorView Program::output(std::string_view name) {
  const auto& [slot, spec] = place_of(compiled_->outputs, name, "output");
  return {compiled_->address(slot), spec};
}
bool Program::has_input(std::string_view name) const { return compiled_->inputs.contains(name); }
bool Program::has_output(std::string_view name) const { return compiled_->outputs.contains(name); }

void Program::run() {
  Compiled& program = *compiled_;
  if (program.generation != program.arena->generation()) program.bind();
  for (const BoundStep& step : program.bound) step.kernel->run(step.io);
}

namespace {

// An operand as it lies: under its own spec, or flat where the layout is opaque.
TensorView stored(void* data, const Program::Operand& operand) {
  const Layout& layout = operand.layout;
  if (layout.canonical()) return {data, operand.spec};
  const DType dtype = operand.spec.dtype;
  return {data, Spec{dtype, Shape{static_cast<std::int64_t>(layout.bytes / size_of(dtype))}}};
}

Tensor canonical_copy(const Backend* backend, const void* data, const Program::Operand& operand) {
  Tensor copy(operand.spec);
  if (operand.layout.canonical()) {
    std::memcpy(copy.data(), data, operand.spec.bytes());
    return copy;
  }
  const KernelPtr kernel = backend->reorder(operand.spec, operand.layout, {});
  const void* inputs[] = {data};
  void* outputs[] = {copy.data()};
  kernel->run({inputs, outputs, nullptr});
  return copy;
}

}  // namespace

Tensor Program::Observation::read(std::size_t i) const {
  return canonical_copy(backend, inputs[i].data, reads[i]);
}
Tensor Program::Observation::made(std::size_t o) const {
  return canonical_copy(backend, outputs[o].data, makes[o]);
}

void Program::run_observed(const Observe& after, const Observe& before) {
  Compiled& program = *compiled_;
  if (program.generation != program.arena->generation()) program.bind();
  std::vector<TensorView> inputs, outputs;
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    const Step& step = program.steps[s];
    inputs.clear();
    outputs.clear();
    for (std::size_t i = 0; i < step.in.size(); ++i)
      inputs.push_back(stored(const_cast<void*>(step.in[i]), step.reads[i]));
    for (std::size_t o = 0; o < step.out.size(); ++o) outputs.push_back(stored(step.out[o], step.makes[o]));
    const Observation observation{
        program.placements[s], step.backend, inputs, outputs, step.reads, step.makes};
    if (before) before(observation);
    step.kernel->run(Io{step.in.data(), step.out.data(), step.memory});
    after(observation);
  }
}

const std::vector<Placement>& Program::placements() const { return compiled_->placements; }
const MemoryReport& Program::memory() const { return compiled_->memory; }
const Graph& Program::graph() const { return compiled_->graph; }

std::string to_string(std::span<const Placement> placements) {
  std::size_t op_width = 2, scope_width = 5, backend_width = 7;
  for (const Placement& row : placements) {
    op_width = std::max(op_width, row.op.size());
    scope_width = std::max(scope_width, row.scope.size());
    backend_width = std::max(backend_width, row.backend.size());
  }
  std::string text = fmt::format("{:{}}  {:{}}  {:{}}  implementation\n", "op", op_width, "layer",
                                 scope_width, "backend", backend_width);
  // Rows that read the same stand once, where the first of them stood, with their number.
  std::vector<std::pair<std::string, int>> rows;
  for (const Placement& row : placements) {
    std::string line = fmt::format("{:{}}  {:{}}  {:{}}  {}", row.op, op_width, row.scope, scope_width,
                                   row.backend, backend_width, row.implementation);
    if (!row.expanded_from.empty()) line += "  part of " + row.expanded_from;
    for (const std::string& refusal : row.refusals) line += "  refused by " + refusal;
    const auto same = std::ranges::find_if(rows, [&](const auto& other) { return other.first == line; });
    if (same == rows.end()) {
      rows.emplace_back(std::move(line), 1);
    } else {
      ++same->second;
    }
  }
  for (const auto& [line, count] : rows)
    text += count == 1 ? line + "\n" : fmt::format("{}  × {}\n", line, count);
  return text;
}

}  // namespace assay
