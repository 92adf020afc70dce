// Plain data that the kernels of every instruction set share with their callers: what to compute, on which
// shapes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::openmp {

enum class Unary : std::uint8_t { copy, neg, abs, sign, exp, log, sqrt };
inline constexpr int kUnaryCount = 7;

enum class Binary : std::uint8_t { add, sub, mul, div, pow, maximum, minimum };
inline constexpr int kBinaryCount = 7;

enum class Compare : std::uint8_t { greater, equal };
inline constexpr int kCompareCount = 2;

/// Formulas, parameters and what a gradient needs (`kept`) are those of framework/assay/ops/activation.h;
/// `gelu` is split by its form.
enum class ActivationKind : std::uint8_t {
  identity,
  sigmoid,
  relu,
  tanh,
  leaky_relu,
  elu,
  selu,
  softplus,
  silu,
  gelu_erf,
  gelu_tanh,
  hard_sigmoid,
  hard_swish
};
inline constexpr int kActivationCount = 13;

struct Activation {
  ActivationKind kind = ActivationKind::identity;
  double parameter = 0.0;  ///< slope of leaky_relu, α of elu
};

enum class Loss : std::uint8_t { squared_error, absolute_error, huber, binary_cross_entropy };
inline constexpr int kLossCount = 4;

/// A tensor seen as [outer, extent, inner] around one axis.
struct Around {
  std::int64_t outer, extent, inner;
};

inline constexpr int kMaxLoops = 8;
inline constexpr int kMaxOperands = 3;

/// Loops over a dense row-major result, outermost first, with the step of each operand (in elements) per
/// loop: 0 where the operand is broadcast. REQUIRES: 1 <= rank <= kMaxLoops.
struct Nest {
  int rank;
  std::int64_t extent[kMaxLoops];
  std::int64_t stride[kMaxOperands][kMaxLoops];
};

/// A copy from operand 0 to operand 1. `transposed`: the last loop is contiguous in the target alone and the
/// one before it in the source.
struct Copy {
  Nest nest;
  bool transposed;
};

/// What results are reduced from, and in which tree: a function of shapes alone, so that the number of
/// threads cannot show in a sum. A result is reduced from `runs` runs of `run` contiguous elements of x; or
/// (columnwise, run = 1) `columns` results lie side by side and each is reduced from `runs` elements, the
/// rows of a matrix. A part is a piece of a run, or several runs joined; a result is reduced from its parts.
struct Reduction {
  Nest kept;        ///< loops over the groups of results; operand 0 is x
  Nest reduced;     ///< loops over the runs of a result
  bool columnwise;  ///< else columns = 1
  std::int64_t groups, columns;
  std::int64_t runs, run;
  std::int64_t pieces, piece;  ///< of each run, and elements of all but the last
  std::int64_t joined;         ///< runs in a part; 1 where runs are cut into pieces
  std::int64_t parts;          ///< of each result
};

/// Products C[m × n] = A[m × k] · B[k × n], `batch` of them. Element (i, j) of a matrix is at i·row +
/// j·column.
struct GemmShape {
  std::int64_t m, n, k;
  std::int64_t a_row, a_column;
  std::int64_t b_row, b_column;
  std::int64_t c_row;
  std::int64_t batch = 1;
  std::int64_t a_batch = 0, b_batch = 0, c_batch = 0;  ///< steps from one product to the next
};

/// Up to so many terms of a product are added up before they meet what C holds.
inline constexpr std::int64_t kWholeDepth = 256;

/// How a product is cut up, chosen once by the kernels' plan_gemm.
struct GemmPlan {
  GemmShape shape;
  bool transposed;      ///< computes Cᵀ = Bᵀ·Aᵀ in blocks and stores them transposed
  bool copy_rows;       ///< packs rows that lie contiguous, because their stride falls into one cache set
  bool direct_columns;  ///< reads columns that lie contiguous without packing them
  int threads;          ///< 1, or all that the caller allowed
  int row_parts, column_parts;  ///< each product is shared by row_parts · column_parts threads ...
  int batch_parts;              ///< ... and so many products are computed at a time
  std::int64_t block_depth, block_columns;
  std::size_t scratch_per_thread;  ///< bytes
  std::size_t scratch_bytes;
};

enum class BiasAxis : std::uint8_t { none, row, column };

/// What happens to C after the sums are complete: C = f(C + bias).
template <class T>
struct Epilogue {
  const T* bias = nullptr;  ///< [m] for BiasAxis::row, [n] for BiasAxis::column
  BiasAxis axis = BiasAxis::none;
  Activation activation{};
};

/// The hyperparameters of one optimizer step, rounded once to T.
template <class T>
struct SgdUpdate {
  T learning_rate = 0, weight_decay = 0, momentum = 0;
  bool nesterov = false;
};
template <class T>
struct AdamUpdate {
  T learning_rate = 0, weight_decay = 0;
  T keep1 = 0, take1 = 0, keep2 = 0, take2 = 0;  ///< β and 1 − β of each moment
  // A division costs as much as the memory that an element goes through: these two are not the loop's.
  T step_rate = 0;   ///< η/(1 − β₁ᵗ)
  T correction = 1;  ///< 1/(1 − β₂ᵗ)
  T epsilon = 0;
  bool decoupled = false;  ///< AdamW: the decay shrinks w by itself and does not enter the gradient
};
template <class T>
struct RmspropUpdate {
  T learning_rate = 0, weight_decay = 0, keep = 0, take = 0, epsilon = 0, momentum = 0;
};

/// A table of `rows` rows of `width` elements, and `count` indices into it.
struct Gather {
  std::int64_t rows, width, count;
};

/// Dropout of `samples` rows of `elements` each (framework/assay/ops/dropout.h).
template <class T>
struct Dropout {
  std::int64_t samples, elements;
  std::uint32_t stream;
  std::uint64_t threshold;  ///< random words from here on keep their element
  T scale;                  ///< of what is kept
};

template <class T>
struct GemmOperands {
  const T* a;
  const T* b;
  T* c;
  T alpha = 1;
  T beta = 0;  ///< 0: C is not read
  Epilogue<T> epilogue{};
};

}  // namespace assay::openmp
