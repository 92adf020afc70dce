// Passes over graphs: common subexpressions, dead code; and the verifier that runs between passes.
#pragma once

#include "assay/graph/graph.h"

namespace assay {

/// The same outputs and updates from fewer nodes: equal ops on equal values are computed once, what nothing
/// needs is dropped, and so is a multiplication or division by one. Ops are pure (a random op takes its key as
/// an input) and x · 1 is x to the last bit, so that all of it is exact. Inputs and states stay.
Graph simplify(const Graph& graph);

/// Re-infers every spec and checks operand order, updates and outputs. Throws Error ("internal: ...") on a
/// violation.
void verify_graph(const Graph& graph);

}  // namespace assay
