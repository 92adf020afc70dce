// V: what ops give on small inputs, known from elsewhere — derived on paper, or computed by a program that
// shares nothing with this one. Catches what no comparison of the project with itself can: a forward and a
// derivative, or a kernel and the reference, that are wrong together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

/// Numbers in decimals, separated by spaces. Those of inputs are exact in every dtype; those of outputs are
/// exact or have 26 digits.
struct KnownTensor {
  Shape shape;
  std::string numbers;
};

struct KnownValue {
  std::string op;
  Fields fields;
  std::vector<KnownTensor> inputs;
  std::vector<KnownTensor> outputs;
  std::string source;  ///< "on paper", or the program
};

/// At least one for every built-in op, sorted by op (known_values_table.cc).
const std::vector<KnownValue>& known_values();

/// V: the backend's result is within the op's running error bound of the known value, and the reference in
/// quad agrees with it to the accuracy that quad has. Skipped where the backend
/// refuses the op.
Outcome check_known(const Registry& registry, const Backend& reference, const Backend& backend,
                    const KnownValue& known, DType dtype);

}  // namespace assay::verify
