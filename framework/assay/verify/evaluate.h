// Runs a graph node by node, each value in a buffer of its own, by whatever one backend offers for single
// ops: no simplification, no fusion, no sharing of memory, nothing that a compiled program adds. What
// compiled programs are compared with, and how graphs run on scalars that no program holds.
#pragma once

#include <map>
#include <string>

#include "assay/core/tensor.h"
#include "assay/graph/graph.h"
#include "assay/program/backend.h"

namespace assay::verify {

/// The graph with its real values in `dtype`: all outputs and updates.
Graph with_dtype(const Graph& graph, DType dtype);

using Values = std::map<ValueId, Tensor>;
using Bindings = std::map<std::string, Tensor, std::less<>>;

/// Every value of the graph. Inputs and states are bound by name to tensors of their specs. Outputs are
/// poisoned before an op writes them. Throws Error where the backend refuses an op or a name is not bound.
Values evaluate(const Graph& graph, const Backend& backend, const Bindings& bindings);

}  // namespace assay::verify
