// Derivation: a forward and backward pass written out — each node of a graph as formula, substituted numbers
// and result, in the order in which the chain rule unrolls. The article made executable, for any graph.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/graph/graph.h"

namespace assay::cli {

enum class Section : std::uint8_t { forward, loss, backward };

/// One computed value.
struct DerivationStep {
  Section section = Section::forward;
  std::string layer;        ///< that it belongs to, or ""
  std::string symbol;       ///< "z⁽¹⁾", "∂L/∂W⁽¹⁾", or a layer's name in larger models
  std::string name;         ///< of the value in a trace: "hidden.output", "grad/hidden.weight", or ""
  std::string formula;      ///< in symbols: "W⁽¹⁾ x + b⁽¹⁾"
  std::string substituted;  ///< in numbers; empty where a tensor is too large to print
  std::string result;       ///< numbers, or a summary of a large tensor
  std::string note;         ///< the article's reading, where it differs
  Spec spec;
  std::vector<double> values;  ///< of a small tensor, unrounded
};

struct Derivation {
  std::vector<DerivationStep> given;  ///< inputs, targets, parameters; no formula
  std::vector<DerivationStep> steps;
};

/// `graph` is a trace graph (layers/model.h); `value` yields each node's result after a run. `digits` counts
/// decimals.
Derivation derive(const Graph& graph, const std::function<TensorView(ValueId)>& value, std::int64_t batch,
                  int digits);

/// Numbers of a small tensor as nested lists, or shape, range, mean and norm of a large one.
std::string numbers(const TensorView& tensor, int digits);

}  // namespace assay::cli
