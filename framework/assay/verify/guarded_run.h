// Runs of a kernel on buffers between guard bands, with everything watched that a kernel may not do: the
// contract of kernels (program/kernel.h) as a check.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/program/backend.h"

namespace assay::verify {

/// Executes a kernel; a caller may put something around it (a count of allocations).
using Execute = std::function<void(const Kernel&, const Io&)>;

/// A kernel that a backend has offered for a site, bound.
struct BoundKernel {
  const Backend* backend = nullptr;
  Site site;
  Plan plan;
  KernelPtr kernel;
};
/// Asks the backend and binds. Returns the refusal's reason in `refusal` and an empty kernel where it
/// refuses.
BoundKernel bind_kernel(const Backend& backend, Site site, std::string& refusal);

/// One run on copies of canonical inputs in the layouts that the plan wants; returns canonical outputs.
std::vector<Tensor> run(const BoundKernel& kernel, const std::vector<Tensor>& inputs);

struct WatchedRun {
  std::vector<Tensor> outputs;
  /// Violations: writes outside of a buffer, changed inputs, results that depend on what lay in outputs or
  /// scratch, on an earlier run with other inputs, or on a declared in-place pair; and in an f32 layout of
  /// the backend's own, padding that is not as the backend's reorder leaves it.
  std::vector<std::string> findings;
};
/// Runs A with one poison, then B (other inputs of the same specs), then A with another poison, then A once
/// for every in-place pair, and with as many as can be at once. All runs of A must agree to the last bit.
WatchedRun run_watched(const BoundKernel& kernel, const std::vector<Tensor>& a, const std::vector<Tensor>& b,
                       const Execute& execute = {});

/// Where two inputs of one spec that hold the same numbers give another result in one buffer than in two;
/// empty if nowhere.
std::string depends_on_one_buffer(const BoundKernel& kernel, const std::vector<Tensor>& inputs);

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b);

}  // namespace assay::verify
