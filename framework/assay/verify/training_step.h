// The step of training against the gradient that is proven: the proof is of the graph that is traced, and the
// graph that trains is built apart.
#pragma once

#include "assay/verify/check.h"
#include "assay/verify/evaluate.h"
#include "assay/verify/setting.h"

namespace assay::verify {

/// A graph of the model in quad, and what it computes.
struct BuiltGraph {
  BuiltGraph(const Setting& setting, Graph built);

  Graph graph;
  Bindings bindings;
  Values values;
};

/// G: in quad, every parameter and every slot of the optimizer becomes what the optimizer makes of the
/// gradient in the traced graph, clipped by the formula of clip_by_global_norm() where the experiment clips:
/// held to 2⁻⁵³ of what it was and is. `traced` are the values of `graph`, the trace graph in quad;
/// `training` is the graph that trains.
Check check_training_step(const Experiment& experiment, const Registry& registry, const Setting& setting,
                          const Graph& graph, const Values& traced, const BuiltGraph& training);

}  // namespace assay::verify
