// The oracles that judge a compiled program in one run of it: each step against a higher-precision run of its
// own ops on its own inputs (L, lockstep: the bound does not grow with depth, and the first op that fails is
// the one at fault), and every operand against what its producer left (G: buffer reuse, in-place updates,
// reorders and copies).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "assay/program/program.h"
#include "assay/verify/check.h"
#include "assay/verify/selector.h"

namespace assay::verify {

/// What a run of a program is judged as.
struct ProgramSubject {
  std::string backend;
  DType dtype = DType::f32;
  std::string reproduce;  ///< a command to which " -k '=ID'" is added
  std::string mode{};     ///< "inference": which of a model's programs; empty: the one that trains
  /// Asked, where a step fails, what they make of its inputs: two values tell more than one.
  std::vector<const Backend*> others{};
};

/// What a check of all of it is filed under: "compilation" of the "whole program", with the mode.
Subject whole_program(std::string what, const ProgramSubject& subject);

struct ProgramRun {
  Report report;
  std::map<ValueId, Tensor> values;  ///< of the placed graph, canonical, as each step left them
};

/// Runs the program once on the inputs that have been set. Steps that the selector leaves out run unjudged.
/// The program's updates are carried out: states change.
ProgramRun verify_program(Program& program, const StateStore& states, const Backend& reference,
                          const ProgramSubject& subject, const Selector& selector);

/// G: a program on the reference backend gives, bit for bit, what its graph gives node by node with a buffer
/// for every value and nothing merged or reordered: outputs and updated states. `values` are of `original`.
Check compare_with_graph(const Graph& original, const std::map<ValueId, Tensor>& values, Program& program,
                         const StateStore& states, const ProgramSubject& subject);

/// On any other backend, in quad instead: the graph that was placed, with what ops were expanded into,
/// against the one that was built, held to 2⁻⁵³ of the largest number of each tensor. `values` are of
/// `original` with its real values in quad, as are the `bindings` that they come from.
Check compare_placed(const Graph& original, const std::map<ValueId, Tensor>& values,
                     const std::map<std::string, Tensor, std::less<>>& bindings, const Program& program,
                     const Backend& reference, const ProgramSubject& subject);

}  // namespace assay::verify
