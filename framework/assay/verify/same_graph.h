// Whether two graphs are the same but for their dtypes: derivative rules and layers are proven in quad, and
// what they build in the dtype that trains has to be what was proven.
#pragma once

#include <string>

#include "assay/graph/graph.h"

namespace assay::verify {

/// Where `graph` first differs from the `proven` one, node by node, but for dtypes; empty if nowhere.
std::string first_difference(const Graph& graph, const Graph& proven);

}  // namespace assay::verify
