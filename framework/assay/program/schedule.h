// The order in which a program executes the nodes of its graph.
#pragma once

#include <string>
#include <vector>

#include "assay/graph/graph.h"

namespace assay {

/// The same graph, its nodes reordered so that what frees memory runs as soon as it can: an update directly
/// after its gradient is known and the old value of its state has had its last reader, a reduction directly
/// after its operand. Everything else keeps its order. `notes`, one per node, are permuted along.
Graph schedule(const Graph& graph, std::vector<std::string>& notes);

}  // namespace assay
