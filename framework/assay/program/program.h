// Program: a compiled graph — one arena, a list of bound steps, resident state and a placement table. It
// names no backend. A run allocates nothing, looks nothing up and branches on no shape.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/graph/graph.h"
#include "assay/program/backend.h"
#include "assay/program/memory.h"
#include "assay/program/place.h"
#include "assay/program/state.h"

namespace assay {

struct CompileOptions {
  Fallback fallback = Fallback::report;
  bool fuse = true;          ///< try the backends' patterns
  bool in_place = true;      ///< let outputs take the place of inputs that die
  bool reuse_memory = true;  ///< let buffers share places in the arena
  bool keep_inputs = false;  ///< inputs keep their contents over a run, so that it can be repeated
};

struct MemoryReport {
  std::size_t arena_bytes = 0;     ///< of this program; programs share one arena, as large as the largest
  std::size_t liveness_bytes = 0;  ///< the most alive at one step: the lower bound of arena_bytes
  std::size_t value_bytes = 0;     ///< the same without the kernels' scratch
  std::size_t state_bytes = 0;
  std::size_t constant_bytes = 0;
  std::size_t largest_scratch_bytes = 0;
  int reorders = 0;  ///< steps that only change a layout
};

class Program {
 public:
  /// Compiles for `backends` in order of preference; the last takes what the others refuse (the reference).
  /// Simplifies and verifies the graph first. States that the store lacks are declared in it, as zeros. The
  /// first program compiled on a store decides the layouts of its states. Backends, store and arena outlive
  /// the program. Throws Error where no backend takes an op, or where Fallback::forbid meets a fallback
  /// (naming all of them).
  static Program compile(const Graph& graph, std::span<const Backend* const> backends, StateStore& states,
                         Arena& arena, const CompileOptions& options = {});

  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  /// Where the caller writes an input before every run. Throws Error for an unknown name. Inputs and outputs
  /// lie in the arena: their contents are lost when any program that shares it runs, their addresses when
  /// another is compiled on it.
  TensorView input(std::string_view name);
  /// Where an output stands after a run. Throws Error for an unknown name.
  TensorView output(std::string_view name);
  bool has_input(std::string_view name) const;
  bool has_output(std::string_view name) const;

  /// Throws what a kernel throws, for which no built-in one has a reason but a library that fails: states are
  /// then undefined.
  void run();

  /// An operand or a result of a step, for those who look into a run.
  struct Operand {
    ValueId id;     ///< of the placed graph; a result of a step that only moves a value has that value's id
    Spec spec;      ///< of the value
    Layout layout;  ///< in which it lies here
  };
  /// One executed step: its row of the table and its operands as they lie in memory.
  struct Observation {
    const Placement& placement;
    const Backend* backend;              ///< null for a copy that the program itself makes
    std::span<const TensorView> inputs;  ///< opaque layouts appear as flat tensors of their storage
    std::span<const TensorView> outputs;
    std::span<const Operand> reads;
    std::span<const Operand> makes;

    /// A canonical copy of an operand.
    Tensor read(std::size_t i) const;
    Tensor made(std::size_t o) const;
  };
  using Observe = std::function<void(const Observation&)>;
  /// Runs step by step, calling `after` after each and, where it is given, `before` before each. Slower; may
  /// allocate.
  void run_observed(const Observe& after, const Observe& before = {});

  const std::vector<Placement>& placements() const;
  const MemoryReport& memory() const;
  /// The graph as placed: simplified, with refused coarse ops expanded.
  const Graph& graph() const;

  struct Compiled;  ///< defined in compiled.h, for the compiler

 private:
  friend struct ProgramParts;  // compiled.h
  explicit Program(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

/// The table as text, one row per step: op, layer, backend, implementation, refusals.
std::string to_string(std::span<const Placement> placements);

}  // namespace assay
