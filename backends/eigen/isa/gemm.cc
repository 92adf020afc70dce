// Matrix products: Eigen's packed panels (gebp) and matrix-vector kernels, called below Eigen's expressions.
//
// The expression C.noalias() += A * B would allocate its packing buffers at every call (alloca up to 128 KiB,
// malloc above). The same product one level lower takes the buffers and block sizes as a level3_blocking
// object, so that both can be fixed while planning: the buffers lie in the plan's scratch, and the order of
// the additions depends on the shapes alone, not on the cache sizes that Eigen reads from the processor.
#include "backends/eigen/isa/gemm.h"

#include <algorithm>

#include "backends/eigen/isa/eigen_isa.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::ColMajor;
using Eigen::RowMajor;

// Bytes of one packed block: two of them share a second-level cache with a part of C.
constexpr Index kBlockBytes = 384 * 1024;
// Bytes of a packed block that no other operand is packed anew for: less memory, and nearer to the processor.
constexpr Index kLoneBlockBytes = 64 * 1024;
// Longer dot products per block gain nothing once the latency of loading C is hidden; what they add to the
// scratch of a small product is a part of all its memory.
constexpr Index kMaxDepth = 128;

// Multiply-adds that are done before a packed or vectorised kernel has been set up.
constexpr Index kTinyProduct = 64;

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// The largest block size up to `limit` that cuts `extent` into equal parts, in multiples of `step`.
constexpr Index even_block(Index extent, Index limit, Index step) {
  if (extent <= limit) return extent;
  const Index parts = ceil_div(extent, limit);
  return ceil_div(ceil_div(extent, parts), step) * step;
}

template <class T>
struct Blocking : Eigen::internal::level3_blocking<T, T> {
  // Row-major C = A B is computed as column-major Cᵀ = Bᵀ Aᵀ, so n takes the place of Eigen's rows.
  Blocking(const Gemm& p, void* scratch) {
    this->m_mc = p.block_n;
    this->m_nc = p.block_m;
    this->m_kc = p.block_k;
    const std::size_t left_bytes = aligned(static_cast<std::size_t>(p.block_n * p.block_k) * sizeof(T));
    this->m_blockA = static_cast<T*>(scratch);
    this->m_blockB = reinterpret_cast<T*>(static_cast<char*>(scratch) + left_bytes);
  }
};

// C += alpha op(A) op(B); the storage orders are those of the transposed operands, as column-major C wants
// them.
template <class T, int order_b, int order_a>
void product(const Gemm& p, const T* a, const T* b, T* c, void* scratch, T alpha) {
  Blocking<T> blocking(p, scratch);
  Eigen::internal::general_matrix_matrix_product<Index, T, order_b, false, T, order_a, false, ColMajor,
                                                 1>::run(p.n, p.m, p.k, b, p.transpose_b ? p.k : p.n, a,
                                                         p.transpose_a ? p.m : p.k, c, 1, p.n, alpha,
                                                         blocking, nullptr);
}

template <class T>
void tiny_product(const Gemm& p, const T* a, const T* b, T* c, T alpha) {
  const Index a_row = p.transpose_a ? 1 : p.k, a_inner = p.transpose_a ? p.m : 1;
  const Index b_inner = p.transpose_b ? 1 : p.n, b_column = p.transpose_b ? p.k : 1;
  for (Index i = 0; i < p.m; ++i) {
    for (Index j = 0; j < p.n; ++j) {
      T sum = 0;
      for (Index k = 0; k < p.k; ++k) sum += a[i * a_row + k * a_inner] * b[k * b_inner + j * b_column];
      c[i * p.n + j] += alpha * sum;
    }
  }
}

// y [rows] += alpha M x [columns], with M stored in `order` with the given stride between its rows or
// columns.
template <class T, int order>
void matrix_vector(Index rows, Index columns, const T* matrix, Index stride, const T* x, T* y, T alpha) {
  using Matrix = Eigen::internal::const_blas_data_mapper<T, Index, order>;
  using Vector = Eigen::internal::const_blas_data_mapper<T, Index, order == ColMajor ? RowMajor : ColMajor>;
  Eigen::internal::general_matrix_vector_product<Index, T, Matrix, order, false, T, Vector, false>::run(
      rows, columns, Matrix(matrix, stride), Vector(x, 1), y, 1, alpha);
}

}  // namespace

template <class T>
Gemm plan_gemm(Index m, Index n, Index k, bool transpose_a, bool transpose_b) {
  using Traits = Eigen::internal::gebp_traits<T, T>;
  Gemm p{m, n, k, transpose_a, transpose_b};
  if (m <= 1 || n <= 1 || k == 0) return p;
  const auto width = static_cast<Index>(sizeof(T));
  p.block_k = k <= kWholeDepth ? k : even_block(k, kMaxDepth, 8);
  const auto block = [&](Index extent, Index bytes, Index step) {
    return even_block(extent, std::max(bytes / (p.block_k * width) / step, Index{1}) * step, step);
  };
  p.block_m = block(m, kBlockBytes, Traits::nr);
  const bool lone = p.block_k == k && p.block_m == m;  // op(A) is packed once, for all blocks of op(B)
  p.block_n = block(n, lone ? kLoneBlockBytes : kBlockBytes, Traits::mr);
  p.scratch_bytes = aligned(static_cast<std::size_t>(p.block_n * p.block_k * width)) +
                    aligned(static_cast<std::size_t>(p.block_k * p.block_m * width));
  return p;
}

template <class T>
void gemm(const Gemm& p, const T* a, const T* b, T* c, void* scratch, T alpha) {
  if (p.m == 0 || p.n == 0 || p.k == 0) return;
  if (p.m * p.n * p.k <= kTinyProduct) return tiny_product(p, a, b, c, alpha);
  if (p.n == 1) {
    return p.transpose_a ? matrix_vector<T, ColMajor>(p.m, p.k, a, p.m, b, c, alpha)
                         : matrix_vector<T, RowMajor>(p.m, p.k, a, p.k, b, c, alpha);
  }
  if (p.m == 1) {  // cᵀ = op(B)ᵀ aᵀ
    return p.transpose_b ? matrix_vector<T, RowMajor>(p.n, p.k, b, p.k, a, c, alpha)
                         : matrix_vector<T, ColMajor>(p.n, p.k, b, p.n, a, c, alpha);
  }
  // A row-major matrix is its own transpose in column-major storage.
  if (p.transpose_a) {
    return p.transpose_b ? product<T, RowMajor, RowMajor>(p, a, b, c, scratch, alpha)
                         : product<T, ColMajor, RowMajor>(p, a, b, c, scratch, alpha);
  }
  return p.transpose_b ? product<T, RowMajor, ColMajor>(p, a, b, c, scratch, alpha)
                       : product<T, ColMajor, ColMajor>(p, a, b, c, scratch, alpha);
}

template <class T>
void fill_rows(T* c, Index rows, Index columns, const T* row) {
  Eigen::Map<Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, RowMajor>> matrix(c, rows, columns);
  if (row == nullptr) {
    matrix.setZero();
  } else {
    matrix.rowwise() = Eigen::Map<const Eigen::Array<T, 1, Eigen::Dynamic>>(row, columns);
  }
}

template Gemm plan_gemm<float>(Index, Index, Index, bool, bool);
template Gemm plan_gemm<double>(Index, Index, Index, bool, bool);
template void gemm<float>(const Gemm&, const float*, const float*, float*, void*, float);
template void gemm<double>(const Gemm&, const double*, const double*, double*, void*, double);
template void fill_rows<float>(float*, Index, Index, const float*);
template void fill_rows<double>(double*, Index, Index, const double*);

}  // namespace assay::eigen::ASSAY_ISA
