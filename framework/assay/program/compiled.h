// What a Program consists of after compilation; shared by compile.cc, which makes it, and program.cc, which
// runs it.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "assay/program/program.h"

namespace assay {

/// A buffer: a place in the arena, the storage of a state, or a constant.
struct Slot {
  enum class Kind : std::uint8_t { arena, state, constant };
  Kind kind = Kind::arena;
  std::size_t bytes = 0;
  int first = std::numeric_limits<int>::max();  ///< step that writes it; −1: the caller, before step 0
  int last = -1;                                ///< last step that touches it
  std::size_t offset = 0;                       ///< in the arena
  StateStore::Entry* state = nullptr;
  Tensor constant{};

  void touch(int step) {
    first = std::min(first, step);
    last = std::max(last, step);
  }
};

struct Step {
  KernelPtr kernel;
  std::vector<int> inputs;        ///< slots
  std::vector<int> outputs;       ///< slots
  std::vector<Program::Operand> reads;
  std::vector<Program::Operand> makes;
  const Backend* backend = nullptr;  ///< null for a copy
  std::vector<InPlace> in_place;
  int scratch = -1;  ///< slot
  // Bound addresses.
  std::vector<const void*> in;
  std::vector<void*> out;
  void* memory = nullptr;
};

/// What running needs of a step, and nothing else, so that small programs are read in few cache lines.
struct BoundStep {
  const Kernel* kernel = nullptr;
  Io io;
};

struct Program::Compiled {
  explicit Compiled(Graph g) : graph(std::move(g)) {}

  Graph graph;
  Arena* arena = nullptr;
  int generation = -1;  ///< of the arena, when the addresses were bound
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<BoundStep> bound;  ///< the steps with the addresses of this generation
  std::vector<Placement> placements;                                 ///< per step
  std::map<std::string, std::pair<int, Spec>, std::less<>> inputs;   ///< name → slot
  std::map<std::string, std::pair<int, Spec>, std::less<>> outputs;  ///< name → slot
  MemoryReport memory;

  void* address(int slot) const noexcept;
  void bind() noexcept;
};

/// Opens a program, for those who damage one to see who notices.
struct ProgramParts {
  static Program::Compiled& of(Program& program) { return *program.compiled_; }
};

}  // namespace assay
