// Trace: one forward and backward pass in training mode, without an update, on one batch in the order of the
// data set, with every named tensor — what other frameworks' numbers are compared with. Dropout is keyed as
// step 0; nothing is augmented.
#pragma once

#include <vector>

#include "assay/data/named_tensor.h"
#include "assay/experiment/problem.h"

namespace assay {

/// The batch that a trace is taken of.
struct TraceBatch {
  Tensor input, target, sample;
};
/// Batch k (from 0) in the order of the data set. Throws Error where there is none.
TraceBatch trace_batch(const Problem& problem, std::int64_t k);

/// Writes a batch and the keys of step 0 into a program of a trace graph.
void set_trace_inputs(Program& program, const TraceBatch& batch, std::uint64_t seed);

/// input, target, loss, <layer>.output, <layer>.<param>, grad/<layer>.<param>, grad/<layer>.output,
/// grad/input.
std::vector<NamedTensor> trace(const Problem& problem, std::int64_t k);

}  // namespace assay
