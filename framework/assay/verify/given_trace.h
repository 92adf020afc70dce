// A trace that somebody else made of the same experiment (another framework, code written by hand), judged by
// our bounds: parameters and data must be the experiment's own, and every other tensor must be what follows
// from the trace's own tensors before it. The bound of each tensor covers the way from the nearest given ones
// only, so that it does not grow with depth and the first tensor that parts is named.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "assay/experiment/experiment.h"
#include "assay/verify/check.h"
#include "assay/verify/experiment.h"

namespace assay::verify {

struct GivenTraceOptions {
  std::string select{};
  std::int64_t batch = 0;  ///< that the trace was taken of
  std::int64_t cost_limit =
      300000000;          ///< multiplications of the exact run that end-to-end errors are measured by
  std::string command{};  ///< how this is called, for the commands that reproduce a check
};

struct GivenTraceReport {
  Report checks;
  DType dtype = DType::f32;  ///< the narrowest floating-point format in the file
  std::vector<TensorRow>
      rows;  ///< end-to-end errors against the exact trace; empty where that costs too much
  std::vector<std::string> missing;  ///< names that a full trace has and this one has not
  std::string first_failure;         ///< the id of the first tensor, in the order of computation, that parts
};

/// Judges the tensors of an .npz file under the names that `assay trace` writes. Throws Error for names that
/// the experiment does not have (with the nearest), another number of rows, formats that are not judged, and
/// what is wrong with the experiment.
GivenTraceReport verify_given_trace(const Experiment& experiment, const Registry& registry,
                                    const std::filesystem::path& file, const GivenTraceOptions& options = {});

}  // namespace assay::verify
