// Compilers that go wrong: graphs rewritten into what they do not say (graph_faults.cc), and programs whose
// buffers, order or kernels are not those that were planned. Each takes the place of Program::compile.
#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "assay/faults/fault.h"
#include "assay/faults/graph_faults.h"
#include "assay/program/compiled.h"

namespace assay::faults {
namespace {

class Parts {
 public:
  explicit Parts(Program::Compiled& program) : program_(program) {
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      const Step& step = program.steps[s];
      for (std::size_t o = 0; o < step.outputs.size(); ++o) {
        writers_[step.outputs[o]].push_back(static_cast<int>(s));
        if (!is_real(step.makes[o].spec.dtype)) whole_.insert(step.outputs[o]);
      }
      for (const int input : step.inputs) readers_[input].push_back(static_cast<int>(s));
    }
  }

  int count() const { return static_cast<int>(program_.steps.size()); }
  Step& step(int s) { return program_.steps[static_cast<std::size_t>(s)]; }
  Slot& slot(int s) { return program_.slots[static_cast<std::size_t>(s)]; }
  Placement& placement(int s) { return program_.placements[static_cast<std::size_t>(s)]; }
  const std::vector<int>& writers(int slot) { return writers_[slot]; }
  const std::vector<int>& readers(int slot) { return readers_[slot]; }
  int last_read(int slot) { return readers_[slot].empty() ? -1 : readers_[slot].back(); }
  /// Indices and masks are left alone: damaged, they would send an op out of its buffers.
  bool numbers(int slot) const { return !whole_.contains(slot); }
  bool makes_numbers(int s) {
    return std::ranges::all_of(step(s).outputs, [&](int output) { return numbers(output); });
  }
  bool in_arena(int s) { return slot(s).kind == Slot::Kind::arena; }

  void move(int from, int to) {
    const auto turn = [&](auto& list) {
      const auto begin = list.begin();
      if (to < from)
        std::rotate(begin + to, begin + from, begin + from + 1);
      else
        std::rotate(begin + from, begin + from + 1, begin + to + 1);
    };
    turn(program_.steps);
    turn(program_.placements);
  }
  void drop(int s) {
    program_.steps.erase(program_.steps.begin() + s);
    program_.placements.erase(program_.placements.begin() + s);
  }

 private:
  Program::Compiled& program_;
  std::map<int, std::vector<int>> writers_, readers_;  // by slot
  std::set<int> whole_;
};

// f(step, slot) of every output in the arena until it returns true.
template <class F>
void first_output(Parts& parts, F f) {
  for (int s = 0; s < parts.count(); ++s) {
    for (const int output : parts.step(s).outputs) {
      if (parts.in_arena(output) && parts.numbers(output) && f(s, output)) return;
    }
  }
}

// A buffer placed where another, made before, is still to be read.
void reused_early(Program::Compiled& program) {
  Parts parts(program);
  first_output(parts, [&](int s, int later) {
    for (int before = 0; before < s; ++before) {
      for (const int held : parts.step(before).outputs) {
        if (!parts.in_arena(held) || !parts.numbers(held) || held == later) continue;
        if (parts.last_read(held) <= s || parts.slot(later).bytes > parts.slot(held).bytes) continue;
        parts.slot(later).offset = parts.slot(held).offset;
        return true;
      }
    }
    return false;
  });
}

// A step's result over an operand that others read later.
void unsafe_alias(Program::Compiled& program) {
  Parts parts(program);
  first_output(parts, [&](int s, int output) {
    for (const int input : parts.step(s).inputs) {
      if (!parts.in_arena(input) || !parts.numbers(input) || parts.last_read(input) <= s) continue;
      if (input == output || parts.slot(input).bytes != parts.slot(output).bytes) continue;
      parts.slot(output).offset = parts.slot(input).offset;
      return true;
    }
    return false;
  });
}

// What the caller has written before the run is overwritten before it has been read.
void input_overwritten(Program::Compiled& program) {
  Parts parts(program);
  const auto given = program.inputs.find("input");
  if (given == program.inputs.end() || !is_real(given->second.second.dtype)) return;
  const int held = given->second.first;
  first_output(parts, [&](int s, int output) {
    if (parts.last_read(held) <= s || parts.slot(output).bytes > parts.slot(held).bytes) return false;
    parts.slot(output).offset = parts.slot(held).offset;
    return true;
  });
}

// The buffer of a result that the caller reads after the run serves a later step.
void result_overwritten(Program::Compiled& program) {
  Parts parts(program);
  for (const auto& [name, place] : program.outputs) {
    const int held = place.first;
    if (!parts.in_arena(held) || parts.writers(held).empty()) continue;
    bool done = false;
    first_output(parts, [&](int s, int output) {
      const bool later = s > parts.writers(held).back() && s > parts.last_read(held);
      if (!later || output == held || parts.slot(output).bytes > parts.slot(held).bytes) return false;
      parts.slot(output).offset = parts.slot(held).offset;
      return done = true;
    });
    if (done) return;
  }
}

void scratch_over_operand(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    const int scratch = parts.step(s).scratch;
    if (scratch < 0) continue;
    for (const int input : parts.step(s).inputs) {
      if (!parts.in_arena(input) || !parts.numbers(input) || parts.slot(scratch).bytes < parts.slot(input).bytes)
        continue;
      parts.slot(input).offset = parts.slot(scratch).offset;
      return;
    }
  }
}

void constant_overwritten(Program::Compiled& program) {
  Parts parts(program);
  for (int c = 0; c < std::ssize(program.slots); ++c) {
    if (parts.slot(c).kind != Slot::Kind::constant) continue;
    bool done = false;
    first_output(parts, [&](int s, int output) {
      if (parts.slot(output).bytes != parts.slot(c).bytes || parts.last_read(c) <= s) return false;
      for (Step& step : program.steps) {
        std::ranges::replace(step.inputs, output, c);
        std::ranges::replace(step.outputs, output, c);
      }
      return done = true;
    });
    if (done) return;
  }
}

// A parameter's update before another step has read the old value.
void updated_early(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    for (const int output : parts.step(s).outputs) {
      if (parts.slot(output).kind != Slot::Kind::state) continue;
      int reader = -1;
      for (const int r : parts.readers(output)) {
        if (r < s) reader = r;
      }
      const bool ready = std::ranges::all_of(parts.step(s).inputs, [&](int input) {
        return std::ranges::none_of(parts.writers(input), [&](int w) { return w >= reader && w < s; });
      });
      if (reader < 0 || !ready) continue;
      parts.move(s, reader);
      return;
    }
  }
}

// A step before the one that makes its operand.
void step_early(Program::Compiled& program) {
  Parts parts(program);
  for (int s = parts.count() - 1; s > 0; --s) {
    for (const int input : parts.step(s).inputs) {
      if (!parts.numbers(input) || parts.writers(input).empty() || parts.writers(input).front() >= s) continue;
      parts.move(s, parts.writers(input).front());
      return;
    }
  }
}

void step_dropped(Program::Compiled& program) {
  Parts parts(program);
  for (int s = parts.count() / 2; s < parts.count(); ++s) {
    if (!parts.makes_numbers(s)) continue;
    return parts.drop(s);
  }
}

void update_repeated(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    const Step& step = parts.step(s);
    const auto in_place = std::ranges::find_if(step.outputs, [&](int output) {
      return parts.slot(output).kind == Slot::Kind::state && std::ranges::count(step.inputs, output) > 0;
    });
    if (in_place == step.outputs.end()) continue;
    std::shared_ptr<const Kernel> update = std::move(parts.step(s).kernel);
    parts.step(s).kernel = make_kernel([update](const Io& io) {
      update->run(io);
      update->run(io);
    });
    return;
  }
}

KernelPtr plain_copy(std::size_t bytes) {
  return make_kernel([bytes](const Io& io) { std::memcpy(io.out<void>(0), io.in<void>(0), bytes); });
}

void layout_not_changed(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    if (parts.placement(s).op != "reorder") continue;
    Step& step = parts.step(s);
    step.kernel = plain_copy(std::min(parts.slot(step.inputs[0]).bytes, parts.slot(step.outputs[0]).bytes));
  }
}

void reorder_dropped(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    if (parts.placement(s).op == "reorder") return parts.drop(s);
  }
}

// Two steps of one op on operands of the same specs work by each other's kernel.
void kernel_of_another(Program::Compiled& program) {
  Parts parts(program);
  const auto specs = [](const std::vector<Program::Operand>& operands) {
    std::vector<Spec> all;
    for (const Program::Operand& operand : operands) all.push_back(operand.spec);
    return all;
  };
  for (int a = 0; a < parts.count(); ++a) {
    for (int b = a + 1; b < parts.count(); ++b) {
      Step &one = parts.step(a), &other = parts.step(b);
      if (parts.placement(a).nodes.empty() || parts.placement(b).nodes.empty()) continue;
      if (!parts.makes_numbers(a) || one.scratch >= 0 || other.scratch >= 0) continue;
      if (specs(one.reads) != specs(other.reads) || specs(one.makes) != specs(other.makes)) continue;
      const auto canonical = [](const Program::Operand& operand) { return operand.layout.canonical(); };
      if (!std::ranges::all_of(one.reads, canonical) || !std::ranges::all_of(other.reads, canonical)) continue;
      if (!std::ranges::all_of(one.makes, canonical) || !std::ranges::all_of(other.makes, canonical)) continue;
      if (parts.placement(a).op == parts.placement(b).op) continue;
      std::swap(one.kernel, other.kernel);
      return;
    }
  }
}

// A step reads another value of the same spec.
void operand_of_another(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 1; s < parts.count(); ++s) {
    Step& step = parts.step(s);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      if (!is_real(step.reads[i].spec.dtype)) continue;
      for (int before = 0; before < s; ++before) {
        const Step& other = parts.step(before);
        for (std::size_t o = 0; o < other.outputs.size(); ++o) {
          const Program::Operand& made = other.makes[o];
          if (made.spec != step.reads[i].spec || !(made.layout == step.reads[i].layout)) continue;
          if (other.outputs[o] == step.inputs[i]) continue;
          step.inputs[i] = other.outputs[o];
          return;
        }
      }
    }
  }
}

void outputs_exchanged(Program::Compiled& program) {
  Parts parts(program);
  for (int s = 0; s < parts.count(); ++s) {
    std::vector<int>& outputs = parts.step(s).outputs;
    if (outputs.size() < 2 || !parts.makes_numbers(s)) continue;
    const std::size_t last = outputs.size() - 1;
    if (parts.slot(outputs[last]).bytes != parts.slot(outputs[last - 1]).bytes) continue;
    std::swap(outputs[last], outputs[last - 1]);
    return;
  }
}

struct Kind {
  std::string name;
  std::string defect;
  void (*damage)(Program::Compiled&);
};

std::vector<Kind> kinds() {
  return {
      {"buffer reused before its last read", "microsoft/onnxruntime#21019", reused_early},
      {"in place of what is still read", "microsoft/onnxruntime#7645", unsafe_alias},
      {"input overwritten before it is read", "", input_overwritten},
      {"result's buffer reused", "microsoft/onnxruntime#7767", result_overwritten},
      {"scratch over an operand", "", scratch_over_operand},
      {"constant overwritten", "", constant_overwritten},
      {"update before the last read", "", updated_early},
      {"step before its operand", "", step_early},
      {"step dropped", "", step_dropped},
      {"update carried out twice", "", update_repeated},
      {"layout copied, not changed", "pytorch/glow#3493", layout_not_changed},
      {"reorder dropped", "ROCm/AMDMIGraphX#1544", reorder_dropped},
      {"kernel of another step", "kulinseth/pytorch#273", kernel_of_another},
      {"operand of another step", "ggml-org/llama.cpp#28448", operand_of_another},
      {"outputs exchanged", "", outputs_exchanged},
  };
}

Fault fault_of(const std::string& kind, const std::string& defect, const std::string& backend,
               verify::Compile compile) {
  Fault fault;
  fault.kind = kind;
  fault.number = 26;
  fault.op = "program";
  fault.backend = backend;
  fault.defect = defect;
  fault.equivalent = "no such place in the programs of this backend";
  fault.compile = std::move(compile);
  return fault;
}

}  // namespace

std::vector<Fault> program_faults(const Registry& registry) {
  std::vector<Fault> faults;
  // What becomes of the graph is the same for all backends: judged on the reference, to the last bit.
  for (const GraphRewrite& rewrite : wrong_rewrites()) {
    faults.push_back(fault_of(rewrite.name, rewrite.defect, "reference",
                              [rewrite](const Graph& graph, std::span<const Backend* const> backends,
                                        StateStore& states, Arena& arena) {
                                return Program::compile(rewrite.apply(graph), backends, states, arena);
                              }));
  }
  for (const Kind& kind : kinds()) {
    for (const std::string& backend : registry.backends.names()) {
      faults.push_back(fault_of(kind.name, kind.defect, backend,
                                [kind](const Graph& graph, std::span<const Backend* const> backends,
                                       StateStore& states, Arena& arena) {
                                  Program program = Program::compile(graph, backends, states, arena);
                                  kind.damage(ProgramParts::of(program));
                                  ProgramParts::of(program).bind();
                                  return program;
                                }));
    }
  }
  return faults;
}

}  // namespace assay::faults
