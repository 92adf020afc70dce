// A batched matmul as the matrix products that it consists of: how backends that have a gemm see it.
#pragma once

#include <cstdint>
#include <vector>

#include "assay/program/backend.h"

namespace assay {

/// Products of one size, C [m, n] = op(A) [m, k] op(B) [k, n], where op transposes what is stored transposed.
/// The results lie one behind the other.
struct MatmulProducts {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  /// Where the operands of one product begin, in elements.
  struct Offsets {
    std::int64_t a, b;
  };
  std::vector<Offsets> offsets{};  ///< one per product
};

/// Of a site of op matmul. Matrices that meet one and the same B are one tall product.
MatmulProducts matmul_products(const Site& site);

}  // namespace assay
