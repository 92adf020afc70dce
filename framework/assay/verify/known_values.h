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
/// exact, have 26 digits, or are "nan", "inf" or "-inf"; "+0" and "-0" have that sign.
struct KnownTensor {
  Shape shape;
  std::string numbers;
};

/// Throws Error where they are not as many as the shape has.
std::vector<std::string> numbers_of(const KnownTensor& tensor);
Tensor tensor_of(const KnownTensor& known, DType dtype);

struct KnownValue {
  std::string op;
  Fields fields;
  std::vector<KnownTensor> inputs;
  std::vector<KnownTensor> outputs;
  std::string source;  ///< "on paper", or the program
};

/// At least one for every built-in op but views, which no kernel computes; those of an op in their order.
const std::vector<KnownValue>& known_values();

// The parts that known_values() is made of, each in a file of its name. Inputs are sums of a few powers of
// two, so that every dtype holds them exactly.
std::vector<KnownValue> known_functions();
std::vector<KnownValue> known_tensor_ops();
std::vector<KnownValue> known_updates();

// Where their numbers come from.
inline constexpr const char* kPaper = "on paper";
inline constexpr const char* kMpmath = "by the formula in mpmath 1.3 at 50 digits";
/// λ and λα of selu and the 0.044715 of gelu are the f64 numbers that the op is defined by.
inline constexpr const char* kConstants =
    "by the formula in mpmath 1.3 at 50 digits, its constants as f64 has them";
inline constexpr const char* kDifferentiated =
    "by numerical differentiation of the function in mpmath 1.3 at 50 digits";
inline constexpr const char* kPyTorch = "from PyTorch 2.15 in f64, whose numbers are exact here";
inline constexpr const char* kOptimizer =
    "on paper, two steps from zero moments; PyTorch 2.15's optimizer agrees in f64";
inline constexpr const char* kPhilox = "by Philox4x32-10 written from its paper (Salmon et al. 2011)";

/// What an op's derivative rule gives.
struct KnownDerivative {
  std::string op;
  Fields fields;
  std::vector<KnownTensor> inputs;
  std::vector<KnownTensor> cotangents;   ///< of the first outputs
  std::vector<KnownTensor> derivatives;  ///< by the first inputs
};
std::vector<KnownDerivative> known_derivatives();

/// V: the rule, on the reference in quad, gives the known numbers, to the digits that are known.
Outcome check_known_derivative(const Registry& registry, const Backend& reference,
                               const KnownDerivative& known);

/// V: the backend's result is within the op's running error bound of the known value, and the reference in
/// quad agrees with it to the accuracy that quad has. Skipped where the backend
/// refuses the op.
Outcome check_known(const Registry& registry, const Backend& reference, const Backend& backend,
                    const KnownValue& known, DType dtype);

}  // namespace assay::verify
