// Who reads the states of a graph: what the choice of a state's layout depends on.
#pragma once

#include <map>
#include <set>

#include "assay/graph/graph.h"

namespace assay {

struct StateReaders {
  /// A value that an op reads to make a state's successor, a gradient, → the state; also what it was before
  /// it was scaled.
  std::map<ValueId, ValueId> changes;
  /// States that one op reads besides the one that makes the successor.
  std::set<ValueId> read_once;
};

StateReaders state_readers(const Graph& graph);

}  // namespace assay
