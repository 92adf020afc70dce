// Accuracy contracts of the functions that the Eigen backend evaluates, on all finite arguments and, where
// the function has a limit there, on ±∞: |computed − f(x)| ≤ max(ulp · ulp(f(x)), absolute), where ulp(0) and
// those of subnormal numbers are the smallest subnormal. tests/verify/contracts_test.cc
// sweeps every row on every instruction set, `assay verify --contracts` on this processor's. A function that
// leaves its row is to be mended or refused, not given a wider row.
//
// `absolute` covers what no evaluation from a rounded argument can resolve: the roots of f′ of silu and gelu
// and gelu's left tail; it stays below half an ulp of the largest |f| there. For silu it is the smallest
// normal number.
#pragma once

#include <string_view>

#include "assay/program/backend.h"

namespace assay::eigen {

struct Contract {
  std::string_view op;
  double ulp;
  double absolute = 0.0;
};

inline constexpr Contract kContractsF32[] = {
    {"exp", 8},
    {"log", 2},
    {"sqrt", 0.5},
    {"sigmoid", 8},
    {"tanh", 8},
    {"elu", 4},
    {"selu", 5},
    {"softplus", 8},
    {"silu", 12, 0x1p-126},
    {"gelu", 16, 0x1p-29},
    {"hard_sigmoid", 1.5},
    {"hard_swish", 2.5},
    {"elu_grad", 8},
    {"selu_grad", 8},
    {"softplus_grad", 8},
    {"silu_grad", 16, 0x1p-24},
    {"gelu_grad", 16, 0x1p-24},
    {"hard_sigmoid_grad", 1},
    {"hard_swish_grad", 1.5},
};

inline constexpr Contract kContractsF64[] = {
    {"exp", 5},
    {"log", 2},
    {"sqrt", 0.5},
    {"sigmoid", 5},
    {"tanh", 8},
    {"elu", 4},
    {"selu", 5},
    {"softplus", 5},
    {"silu", 8, 0x1p-1022},
    {"gelu", 16, 0x1p-58},
    {"hard_sigmoid", 1.5},
    {"hard_swish", 2.5},
    {"elu_grad", 5},
    {"selu_grad", 7},
    {"softplus_grad", 5},
    {"silu_grad", 16, 0x1p-53},
    {"gelu_grad", 16, 0x1p-53},
    {"hard_sigmoid_grad", 1},
    {"hard_swish_grad", 1.5},
};

/// The contract of an op, zeros for one that only adds, multiplies, divides and compares.
constexpr Contract contract_of(std::string_view op, DType dtype) {
  const auto find = [op](const auto& table) {
    for (const Contract& row : table) {
      if (row.op == op) return row;
    }
    return Contract{op, 0};
  };
  return dtype == DType::f32 ? find(kContractsF32) : find(kContractsF64);
}

inline Accuracy accuracy_of(std::string_view op, DType dtype) {
  const Contract contract = contract_of(op, dtype);
  return {.ulp = contract.ulp, .absolute = contract.absolute};
}

}  // namespace assay::eigen
