// The accuracy sweep: every function of one variable that a backend offers — elementwise ops of one real
// input, the derivatives of activations at a unit cotangent, and powers — against exact values over the whole
// range of its argument, judged by what its plan declares (Accuracy in program/backend.h).
//
//   const assay::verify::ContractReport report = assay::verify::verify_contracts(registry, {.ops =
//   {"tanh"}}); EXPECT_TRUE(report.checks) << report.checks;
//
// In f32 the reference kernel in double is the first judge, with a bound on its own error; what that leaves
// open, quad decides. f64 is judged by quad.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/check.h"

namespace assay::verify {

struct ContractOptions {
  std::string select{};                 ///< an expression as Selector takes it
  std::vector<std::string> ops{};       ///< empty: every function that is registered
  std::vector<std::string> backends{};  ///< empty: all
  std::vector<DType> dtypes{DType::f32, DType::f64};
  /// f32: the distance of bit patterns, a prime, and what FloatArguments adds; 1: all 2³².
  std::uint64_t stride = 1021;
  std::uint32_t significands = 1;                    ///< f64: at every exponent
  int jobs = 0;                                      ///< 0: one per processor
  std::string command = "assay verify --contracts";  ///< what reproduces a check begins with
  /// Told the processor time that all of it will take, in seconds, measured on the first arguments.
  std::function<void(double seconds, int jobs)> announce{};
  /// Told of every part that is done; from one thread at a time.
  std::function<void(const std::string& function, std::size_t done, std::size_t parts)> progress{};
};

/// How far a function of a backend is off.
struct FunctionError {
  Subject subject;        ///< the fields of the op are its geometry
  Accuracy declared{};    ///< zeros: nothing beyond the roundings of the formula, for which its running error
                          ///< bound stands
  std::string refusal{};  ///< why the backend does not offer it; nothing below holds a number then
  std::int64_t judged = 0;
  double max_ulp = 0.0;
  double mean_ulp = 0.0;
  double mean_signed_ulp = 0.0;  ///< of got − exact
  /// Where max_ulp is.
  double x = 0.0, second = 0.0, got = 0.0, exact = 0.0;
  double ratio = 0.0;     ///< largest error as a share of what is allowed
  double supremum = 0.0;  ///< the largest finite |f(x)| that was met
  std::int64_t lost_nans =
      0;  ///< NaN arguments that came out as numbers: told, as no contract speaks of them
  bool holds = true;
  std::string finding{};  ///< the worst failure, in words
};

struct ContractReport {
  std::vector<FunctionError> rows;  ///< by op, fields, dtype and backend
  Report checks;                    ///< one for each row
};

/// The registry outlives the call. Throws Error for an unknown op or backend, or a malformed selection.
ContractReport verify_contracts(const Registry& registry, const ContractOptions& options = {});

/// What is wrong with a declaration by the project's rule — a function is offered where its error is at most
/// kContractUlp units in the last place or a unit roundoff of sup|f| — or nothing.
std::string breach_of(const Accuracy& declared, DType dtype, double supremum);

/// "4 ulp or 5.96e-08 by contract".
std::string contract_text(const Accuracy& declared);

/// "0x3f800000": the bits of a number in a dtype.
std::string bits_of(double x, DType dtype);

}  // namespace assay::verify
