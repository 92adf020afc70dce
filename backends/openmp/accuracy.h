// Accuracy contracts of the functions that the openmp backend evaluates, on all arguments:
// |computed − f(x)| ≤ max(ulp · ulp(f(x)), absolute), where the ulp of 0 and of a subnormal number is the
// smallest subnormal. tests/verify/contracts_test.cc sweeps every row on every instruction set,
// `assay verify --contracts` on this processor's. A function that leaves its row is to be mended, not given a
// wider row.
//
// `absolute` covers what no evaluation from a rounded argument can resolve: the roots of f′ of silu and gelu,
// and the left tail of gelu in its form by tanh, where e^{−|z|} magnifies the rounding of z = 2√(2/π)(x +
// 0.044715 x³).
#pragma once

#include <string_view>

#include "assay/program/backend.h"

namespace assay::openmp {

struct Contract {
  std::string_view op;
  std::string_view form;  ///< of gelu; empty elsewhere
  double ulp;
  double absolute = 0.0;
};

inline constexpr Contract kContractsF32[] = {
    {"exp", "", 2},
    {"log", "", 2},
    {"pow", "", 1},
    {"sqrt", "", 0.5},
    {"sigmoid", "", 4},
    {"tanh", "", 4},
    {"elu", "", 3},
    {"selu", "", 4},
    {"softplus", "", 3},
    {"silu", "", 4},
    {"gelu", "erf", 4},
    {"gelu", "tanh", 4, 0x1p-24},
    {"hard_sigmoid", "", 1.5},
    {"hard_swish", "", 2.5},
    {"elu_grad", "", 3},
    {"selu_grad", "", 4},
    {"softplus_grad", "", 4},
    {"silu_grad", "", 4, 0x1p-24},
    {"gelu_grad", "erf", 4, 0x1p-24},
    {"gelu_grad", "tanh", 5, 0x1p-24},
    {"hard_sigmoid_grad", "", 1},
    {"hard_swish_grad", "", 1.5},
};

inline constexpr Contract kContractsF64[] = {
    {"exp", "", 2},
    {"log", "", 2},
    {"pow", "", 2},
    {"sqrt", "", 0.5},
    {"sigmoid", "", 4},
    {"tanh", "", 4},
    {"elu", "", 3},
    {"selu", "", 4},
    {"softplus", "", 3},
    {"silu", "", 4},
    {"gelu", "erf", 4},
    {"gelu", "tanh", 4, 0x1p-53},
    {"hard_sigmoid", "", 1.5},
    {"hard_swish", "", 2.5},
    {"elu_grad", "", 3},
    {"selu_grad", "", 4},
    {"softplus_grad", "", 4},
    {"silu_grad", "", 4, 0x1p-53},
    {"gelu_grad", "erf", 4, 0x1p-53},
    {"gelu_grad", "tanh", 4, 0x1p-53},
    {"hard_sigmoid_grad", "", 1},
    {"hard_swish_grad", "", 1.5},
};

/// The contract of an op, zeros for one that only adds, multiplies, divides and compares.
constexpr Contract contract_of(std::string_view op, std::string_view form, DType dtype) {
  const auto find = [&](const auto& table) {
    for (const Contract& row : table) {
      if (row.op == op && row.form == form) return row;
    }
    return Contract{op, form, 0};
  };
  return dtype == DType::f32 ? find(kContractsF32) : find(kContractsF64);
}

inline Accuracy accuracy_of(std::string_view op, std::string_view form, DType dtype) {
  const Contract contract = contract_of(op, form, dtype);
  return {.ulp = contract.ulp, .absolute = contract.absolute};
}

}  // namespace assay::openmp
