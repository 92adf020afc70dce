// One op of one case as a site of its own: inputs with data of the declared domains, and runs of a kernel on
// guarded buffers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/program/place.h"

namespace assay::conformance {

/// An op applied to inputs of a case, in a graph of its own.
struct OpSite {
  Graph graph;
  std::vector<Value> inputs;
  std::int32_t node = -1;
  Fields fields;  ///< complete

  Site site() const;
};
OpSite make_op_site(const OpTable& ops, const OpDef& op, const Case& c, DType dtype);

enum class Data : std::uint8_t {
  full_mantissa,  ///< real numbers of order one that use every bit
  integers,       ///< small integers
};
/// The inputs of a case: the same numbers in every dtype, rounded once to `dtype`. `scale` multiplies
/// integers.
std::vector<Tensor> make_inputs(const Case& c, DType dtype, Data data, std::int64_t scale,
                                std::uint64_t seed);

/// Real tensors converted to `dtype`, others cloned.
std::vector<Tensor> convert_all(const std::vector<Tensor>& tensors, DType dtype);

struct RunResult {
  std::vector<Tensor> outputs;  ///< canonical
  long allocations = 0;         ///< in a run that was not the first
  /// Violations of the contract of kernels: bounds, inputs, poison, aliasing.
  std::vector<std::string> findings;
};
/// Runs the plan on copies of the inputs in buffers between guard bands, twice with different poison, and
/// once more for every pair that it declares to work in place. All runs must agree to the last bit.
RunResult run_plan(const Backend& backend, const Plan& plan, const Site& site,
                   const std::vector<Tensor>& inputs);

}  // namespace assay::conformance
