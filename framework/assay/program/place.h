// Placement: which backend takes each op of a graph, alone or fused with its neighbours, and why the others
// did not.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assay/graph/graph.h"
#include "assay/program/backend.h"

namespace assay {

enum class Fallback : std::uint8_t {
  forbid,  ///< an op that the chosen backend refuses is an error
  report,  ///< it goes to the reference, and the table says so
  allow    ///< the same, without a warning
};

/// One row of the placement table: one step of the program.
struct Placement {
  std::vector<std::int32_t> nodes;  ///< of the placed graph; more than one where ops are fused
  std::string op;                   ///< "linear", or "linear+relu"
  std::string scope;                ///< the layer
  bool backward = false;
  std::string backend;
  std::string implementation;
  Accuracy accuracy;
  bool fallback = false;              ///< not the first backend asked
  std::vector<std::string> refusals;  ///< "onednn: dtype f64 (this backend has f32 only)"
  std::string expanded_from;          ///< the coarse op that this one is a part of, or ""
};

/// The graph with the ops expanded that the first backend refuses whole but takes in parts. `origins[n]`
/// names the coarse op and the reason for each node that came from one.
struct Expanded {
  Graph graph;
  std::vector<std::string> origins;
};
Expanded expand_refused(const Graph& graph, const Backend& chosen);

/// A chain of nodes that a pattern of the backend matches: each consumes output 0 of the one before, which
/// nothing else uses.
struct Match {
  std::vector<std::int32_t> nodes;
  std::string pattern;
  /// The node in whose turn the chain runs: the last one, or the first that has further outputs, whose
  /// readers may stand before the last.
  std::int32_t turn = -1;
};
/// Disjoint matches, the longest first at each node; a node is in at most one.
std::vector<Match> match_patterns(const Graph& graph, const Backend& backend);

/// The site of these nodes, and the values at its boundary. Layouts are canonical; the caller sets them.
struct BoundSite {
  Site site;
  std::vector<ValueId> inputs, outputs;
};
BoundSite make_site(const Graph& graph, std::span<const std::int32_t> nodes);

}  // namespace assay
