// How accurate the library's transcendental functions are, as swept by `assay verify --contracts` and
// tests/verify/contracts_test.cc over strided floats of the whole range and densely where they bend, with the
// code for AVX2 and for AVX-512.
// A function is offered where its error stays below max(16 ulp, 2^-24 sup|f|); the contract says by how much
// better it is, and the sweep fails where the library is worse than that. For the derivatives f′, an error is
// that of a unit cotangent.
//
// NaN: the library's relu takes NaN to 0, as the maximum instruction of x86 does; every other function keeps
// it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "assay/program/backend.h"

namespace assay::onednn {

/// |computed − exact| ≤ max(ulp · ulp(exact), absolute).
struct Contract {
  std::string_view op;
  double ulp = 0.0;       ///< 0: correctly rounded
  double absolute = 0.0;  ///< of an exact result whose magnitude is below absolute / ulp(exact)
  bool keeps_nan = true;
};

/// e^x where x ≤ 0, as softmax and the logistic function use it: 0 below −86.99, where the result is still a
/// normal number (e^-86.99 < 2^-125).
inline constexpr double kExpUlp = 5.0;
inline constexpr double kExpAbsolute = 0x1p-125;

inline constexpr std::array<Contract, 14> kContracts{{
    {"abs"},
    {"sqrt"},
    {"relu", 0.0, 0.0, false},
    {"relu_grad"},
    {"leaky_relu"},
    {"leaky_relu_grad"},
    {"tanh", 2.0},
    {"tanh_grad", 1.0},
    {"sigmoid", kExpUlp, kExpAbsolute},
    {"sigmoid_grad", 2.0},
    {"hard_swish", 2.0},
    {"hard_swish_grad", 2.0},
    {"softplus_grad", kExpUlp, kExpAbsolute},
    {"silu_grad", 5.0, 0x1p-24},
}};

/// Functions that the library has and that break the rule, with what is wrong.
struct Defect {
  std::string_view op;
  std::string_view reason;
};

inline constexpr std::array<Defect, 10> kDefects{{
    {"neg", "oneDNN's linear function adds 0 to -x, which loses the sign of a zero"},
    {"exp", "oneDNN's exp is 0 on [-87.3, -87.0], where e^x is a normal number"},
    {"log", "oneDNN's log is wrong by 14 % near 1"},
    {"log_softmax", "oneDNN's logarithm is wrong by 14 % near 1, which is where a confident row has it"},
    {"elu", "oneDNN's elu is e^x - 1 near 0, where it should be expm1(x): every digit cancels"},
    {"elu_grad", "oneDNN's derivative of elu is alpha, not 1, where 0 < x < 6e-8"},
    {"softplus", "oneDNN's softplus is wrong by 7.6e-6 for x < -15, where its value is smaller than that"},
    {"silu", "oneDNN's silu is 0 below -87, where its value is a normal number"},
    {"gelu", "oneDNN's gelu loses all digits to cancellation for x < -5"},
    {"gelu_grad",
     "oneDNN's derivative of gelu cancels for x < -4, and is NaN for large |x| in the tanh form"},
}};

/// Whether the contract holds only of code with fused multiply-add: without it, the exponential is off by 68
/// ulp, and 1 - y^2 cancels.
inline bool needs_fused_multiply_add(std::string_view op) {
  for (const std::string_view name : {"tanh_grad", "sigmoid", "softplus_grad", "silu_grad", "softmax"}) {
    if (op == name) return true;
  }
  return false;
}

inline std::optional<Contract> contract_of(std::string_view op) {
  for (const Contract& contract : kContracts) {
    if (contract.op == op) return contract;
  }
  return std::nullopt;
}

/// What a kernel promises that evaluates `function` alone or last. REQUIRES: it has a contract.
inline void promise(Accuracy& accuracy, std::string_view function) {
  const Contract contract = *contract_of(function);
  accuracy.ulp = contract.ulp;
  accuracy.absolute = contract.absolute;
  accuracy.keeps_nan = contract.keeps_nan;
}

inline std::optional<std::string_view> defect_of(std::string_view op) {
  for (const Defect& defect : kDefects) {
    if (defect.op == op) return defect.reason;
  }
  return std::nullopt;
}

}  // namespace assay::onednn
