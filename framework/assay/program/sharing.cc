#include "assay/program/sharing.h"

#include <algorithm>
#include <limits>

namespace assay {
namespace {

Slot& slot(Program::Compiled& program, int index) { return program.slots[static_cast<std::size_t>(index)]; }

// Whether the plan lets output o take the place of an input that is this slot, and no other operand is.
bool may_overwrite(const Step& step, int o, int input_slot) {
  if (std::ranges::count(step.inputs, input_slot) != 1) return false;
  return std::ranges::any_of(step.in_place, [&](const InPlace& wish) {
    return wish.output == o && step.inputs[static_cast<std::size_t>(wish.input)] == input_slot;
  });
}

// Every step that names the slot `from` names `to`, and `from` is nowhere.
void rename_slot(Program::Compiled& program, int from, int to) {
  for (Step& step : program.steps) {
    std::ranges::replace(step.inputs, from, to);
    std::ranges::replace(step.outputs, from, to);
  }
  slot(program, to).touch(slot(program, from).last);
  slot(program, from).first = std::numeric_limits<int>::max();
}

}  // namespace

bool write_directly(Program::Compiled& program, int home, int successor) {
  const Slot& target = slot(program, home);
  Slot& made = slot(program, successor);
  if (made.kind != Slot::Kind::arena || made.first < 0) return false;
  const Step& step = program.steps[static_cast<std::size_t>(made.first)];
  const auto o = std::ranges::find(step.outputs, successor) - step.outputs.begin();
  if (o == std::ssize(step.outputs)) return false;
  if (target.last >= made.first) {
    if (target.last > made.first || !may_overwrite(step, static_cast<int>(o), home)) return false;
  }
  rename_slot(program, successor, home);
  made.bytes = 0;
  return true;
}

void share_in_place(Program::Compiled& program) {
  for (int index = 0; index < static_cast<int>(program.steps.size()); ++index) {
    const Step& step = program.steps[static_cast<std::size_t>(index)];
    for (const InPlace& wish : step.in_place) {
      const int from = step.inputs[static_cast<std::size_t>(wish.input)];
      const int to = step.outputs[static_cast<std::size_t>(wish.output)];
      const Slot &dying = slot(program, from), &born = slot(program, to);
      if (dying.kind != Slot::Kind::arena || born.kind != Slot::Kind::arena || from == to) continue;
      if (dying.last != index || dying.bytes != born.bytes || born.first != index) continue;
      if (std::ranges::count(step.inputs, from) != 1) continue;
      if (std::ranges::count(step.outputs, from) != 0) continue;  // taken by another output of this step
      for (auto& [name, place] : program.outputs) {
        if (place.first == to) place.first = from;
      }
      rename_slot(program, to, from);
    }
  }
}

void plan_arena(Program::Compiled& program, bool reuse_memory) {
  std::vector<char> scratch(program.slots.size(), 0);
  for (const Step& step : program.steps) {
    if (step.scratch >= 0) scratch[static_cast<std::size_t>(step.scratch)] = 1;
  }
  std::vector<Lifetime> lifetimes, values;
  std::vector<Slot*> planned;
  for (std::size_t s = 0; s < program.slots.size(); ++s) {
    Slot& candidate = program.slots[s];
    if (candidate.kind != Slot::Kind::arena || candidate.first > candidate.last) continue;
    planned.push_back(&candidate);
    lifetimes.push_back({candidate.bytes, candidate.first, candidate.last});
    if (scratch[s] == 0) values.push_back(lifetimes.back());
  }
  const MemoryPlan memory = plan_memory(lifetimes, reuse_memory);
  for (std::size_t i = 0; i < planned.size(); ++i) planned[i]->offset = memory.offsets[i];
  program.memory.arena_bytes = memory.arena_bytes;
  program.memory.liveness_bytes = memory.liveness_bytes;
  program.memory.value_bytes = most_alive(values);
}

}  // namespace assay
