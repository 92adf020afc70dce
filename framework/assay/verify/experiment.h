// The verification of an experiment on its own data and parameters: how far every backend's activations and
// gradients are from the exact ones, whether each step of its training program keeps its bound, and the proof
// of the gradient itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "assay/experiment/experiment.h"
#include "assay/verify/check.h"
#include "assay/verify/gradient_proof.h"
#include "assay/verify/setting.h"

namespace assay::verify {

struct ExperimentOptions {
  std::vector<std::string> backends{};  ///< empty: all that are registered
  std::vector<DType> dtypes{DType::f32, DType::f64};
  std::string select{};
  std::int64_t samples = 8;  ///< rows of the first batch at most
  std::int64_t batch = 0;
  bool stop_at_first_failure = false;  ///< after the first backend that has one
  GradientProofOptions proof{};
  std::string command{};  ///< how this verification is called, for the commands that reproduce a check
};

/// How far a tensor of a backend is from the exact one, end to end: information, not a verdict, for errors
/// grow with depth and conditioning.
struct TensorError {
  double largest_ulp = 0.0;  ///< units in the last place of the exact value in the backend's format
  double median_ulp = 0.0;
  double normwise = 0.0;  ///< ‖got − exact‖₂ / ‖exact‖₂
};

struct TensorRow {
  std::string tensor;               ///< a name as `assay trace` writes it
  std::vector<TensorError> errors;  ///< by column
};

struct ExperimentReport {
  Report checks;
  std::vector<std::string> columns;  ///< "eigen f32"
  std::vector<TensorRow> rows;
  std::vector<DifferenceError> differences;
  std::int64_t samples = 0;

  /// The table of errors, for a terminal.
  std::string table() const;
};

/// Throws Error for what is wrong with the experiment or the options. A backend that has not a dtype is
/// skipped, with the reason.
ExperimentReport verify_experiment(const Experiment& experiment, const Registry& registry,
                                   const ExperimentOptions& options = {});

/// How a graph becomes a program: Program::compile with its usual options, or what is to be judged in its
/// place.
using Compile = std::function<Program(const Graph&, std::span<const Backend* const>, StateStore&, Arena&)>;
Program compile_as_usual(const Graph& graph, std::span<const Backend* const> backends, StateStore& states,
                         Arena& arena);

/// One step of training on a backend: every op of it, the data flow between them and, on the reference, the
/// whole against the graph as the model builds it; then the same step unobserved. `command` is how the
/// verification is called; `others` are asked what they make of the inputs of a step that fails.
Report verify_training(const Setting& setting, const Backend& backend, const std::string& command,
                       const Selector& selector, const Compile& compile = compile_as_usual,
                       const std::vector<const Backend*>& others = {});

/// The same for the program that evaluates.
Report verify_inference(const Setting& setting, const Backend& backend, const std::string& command,
                        const Selector& selector, const Compile& compile = compile_as_usual,
                        const std::vector<const Backend*>& others = {});

/// |got − exact| in units in the last place of `exact` rounded to the dtype of `got`, and normwise. REQUIRES:
/// `exact` is quad, of the same shape.
TensorError error_of(const TensorView& got, const TensorView& exact);

}  // namespace assay::verify
