// What the accuracy sweep (contracts.h) is made of: the functions of one variable among the registered ops,
// and the judgement of one of them on a range of arguments, for several backends at a time — exact values are
// what takes long.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "assay/verify/contracts.h"
#include "assay/verify/sweep_arguments.h"

namespace assay::verify {

struct SweptFunction {
  const OpDef* op = nullptr;
  Fields fields{};  ///< complete
  /// How the argument enters.
  enum class Kind : std::uint8_t {
    value,       ///< f(x)
    derivative,  ///< dx = dy · f′ with dy = 1
    power        ///< x to an exponent drawn so that most results stay in range
  } kind = Kind::value;
  /// Arguments that mean something: for a derivative in terms of y = f(z), the range of f.
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

/// Among `ops`, or all: elementwise ops of one real input (found by trying: f of a vector is the vector of
/// f), derivatives of activations, and pow; each with every setting of fields that its cases have.
std::vector<SweptFunction> functions_of(const Registry& registry, const std::vector<std::string>& ops);

struct SweepArguments {
  FloatArguments floats;
  DoubleArguments doubles;
  std::uint64_t count(DType dtype) const { return dtype == DType::f32 ? floats.count() : doubles.count(); }
};

/// Arguments that kernels take at a time.
inline constexpr std::int64_t kSweepBlock = std::int64_t{1} << 16;

/// Judges the function of each backend on the arguments [begin, end). The means of `rows` are left as sums.
void sweep_function(const Registry& registry, const SweptFunction& function, DType dtype,
                    const SweepArguments& arguments, std::uint64_t begin, std::uint64_t end,
                    const Backend& reference, const std::vector<const Backend*>& backends,
                    std::vector<FunctionError>& rows);

}  // namespace assay::verify
