// The kernels of the Eigen backend as tables of plain functions, one table per instruction set and dtype, and
// the plain structs that say how a kernel is bound. This header is all that passes between the files built
// per instruction set and the rest: it defines no function and uses no template of the standard library (see
// eigen_isa.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::eigen {

using Index = std::int64_t;

inline constexpr int kMaxRank = 8;
/// Pieces of scratch memory start at multiples of this, as tensors do.
inline constexpr std::size_t kAlignment = 64;

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Up to so many terms of a product are added up before they meet what C holds.
inline constexpr Index kWholeDepth = 256;

/// C += op(A) op(B) with C [m, n], op(A) [m, k], op(B) [k, n], all dense and row-major; op is the transpose
/// where asked.
struct Gemm {
  Index m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  Index block_m = 0, block_n = 0, block_k = 0;
  std::size_t scratch_bytes = 0;
};

/// A convolution or one of its gradients, as one product per image and group of the unfolded image ("im2col")
/// with the weights. `gemm` is the product of the one of the three that is bound.
struct Convolution {
  Index images = 0, channels = 0, height = 0, width = 0;
  Index filters = 0, kernel_height = 0, kernel_width = 0;
  Index out_height = 0, out_width = 0;
  Index stride_height = 1, stride_width = 1, dilation_height = 1, dilation_width = 1;
  Index pad_top = 0, pad_left = 0;
  Index groups = 1;
  bool unfolded = false;  ///< a 1×1 kernel of stride 1 without padding: the image is its own unfolding
  std::size_t column_bytes = 0;
  Gemm gemm{};
};

/// Windows of a pooling op over planes [height, width].
struct Pooling {
  Index planes = 0, height = 0, width = 0, out_height = 0, out_width = 0;
  Index size_height = 1, size_width = 1, stride_height = 1, stride_width = 1;
  Index pad_top = 0, pad_left = 0;
  bool count_padding = false;
};

/// Loops over up to four operands: outer loops around runs along the innermost axis, with the strides of each
/// operand in elements. Axes over which all operands are contiguous have been merged.
struct Nest {
  static constexpr int kOperands = 4;
  int rank = 0;  ///< of the outer loops
  Index extent[kMaxRank] = {};
  Index stride[kOperands][kMaxRank] = {};
  Index run = 0;
  Index run_stride[kOperands] = {};
  bool empty = false;
  /// Of a copy: the innermost outer loop is contiguous in the input and the run is contiguous in the output.
  bool transposed = false;
};

/// x seen as [outer, count, inner], statistics taken along one or two of the three.
struct Extents {
  Index outer = 0, count = 0, inner = 0;
};

/// Hyperparameters of an update, as the op's fields name them; `decay` is rmsprop's.
struct UpdateSettings {
  double momentum = 0.0, weight_decay = 0.0, beta1 = 0.0, beta2 = 0.0, decay = 0.0, epsilon = 0.0;
  bool nesterov = false;
  bool decoupled = false;  ///< adamw: the decay acts on the weights, not through the gradient
};

// clang-format off
enum class Unary { neg, exp, log, sqrt, abs, sign, identity, sigmoid, relu, tanh, leaky_relu, elu, selu, softplus, silu,
                   gelu_tanh, hard_sigmoid, hard_swish, count };
enum class Gradient { sigmoid, relu, tanh, leaky_relu, elu, selu, softplus, silu, gelu_tanh, hard_sigmoid, hard_swish, count };
enum class Binary { add, sub, mul, div, maximum, minimum, count };
// clang-format on
enum class Compare { greater, equal, count };
enum class Reduction { sum, mean, max, count };

template <class T>
struct Kernels {
  using UnaryKernel = void (*)(const T* x, T* y, Index n, T parameter);
  using GradientKernel = void (*)(const T* dy, const T* kept, T* dx, Index n, T parameter);

  const char* isa = nullptr;  ///< "avx512", for the name of an implementation

  Gemm (*plan_gemm)(Index m, Index n, Index k, bool transpose_a, bool transpose_b);
  void (*gemm)(const Gemm&, const T* a, const T* b, T* c, void* scratch, T alpha);
  /// Every row of c [rows, columns] becomes `row`; zeros where that is null.
  void (*fill_rows)(T* c, Index rows, Index columns, const T* row);

  void (*conv2d)(const Convolution&, const T* x, const T* weight, const T* bias, T* y, void* scratch);
  void (*conv2d_grad_input)(const Convolution&, const T* dy, const T* weight, T* dx, void* scratch);
  void (*conv2d_grad_weight)(const Convolution&, const T* dy, const T* x, T* dweight, void* scratch);

  UnaryKernel unary[static_cast<int>(Unary::count)];
  GradientKernel gradient[static_cast<int>(Gradient::count)];

  // Operands of a nest: a, b, c; mask, a, b, c; x, y.
  void (*binary[static_cast<int>(Binary::count)])(const Nest&, const T* a, const T* b, T* c);
  void (*compare[static_cast<int>(Compare::count)])(const Nest&, const T* a, const T* b, std::uint8_t* c);
  void (*where)(const Nest&, const std::uint8_t* mask, const T* a, const T* b, T* c);
  void (*copy)(const Nest&, const T* x, T* y);
  /// `results` elements of y, each over `terms` elements of x.
  void (*reduce[static_cast<int>(Reduction::count)])(const Nest&, const T* x, T* y, Index results,
                                                     Index terms);

  // Rows of `width` elements. gather: unknown indices give NaN; gather_grad: they are skipped.
  void (*gather)(const T* table, const std::int32_t* index, T* y, Index rows, Index width, Index count);
  void (*gather_grad)(const T* dy, const std::int32_t* index, T* dtable, Index rows, Index width,
                      Index count);

  void (*max_pool2d)(const Pooling&, const T* x, T* y, std::int32_t* index);
  void (*max_pool2d_grad)(const Pooling&, const T* dy, const std::int32_t* index, T* dx);
  void (*max_pool2d_gather)(const Pooling&, const T* x, const std::int32_t* index, T* y);
  void (*avg_pool2d)(const Pooling&, const T* x, T* y);
  void (*avg_pool2d_grad)(const Pooling&, const T* dy, T* dx);

  // Batch normalisation: statistics over outer and inner, one per `count`.
  void (*batch_norm)(const Extents&, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                     T* variance);
  void (*batch_norm_grad)(const Extents&, T epsilon, const T* dy, const T* x, const T* weight, const T* mean,
                          const T* variance, T* dx, T* dweight, T* dbias);
  void (*batch_norm_inference)(const Extents&, T epsilon, const T* x, const T* weight, const T* bias,
                               const T* mean, const T* variance, T* y);
  // Layer normalisation: statistics over `count`, one per outer (inner is 1).
  void (*layer_norm)(const Extents&, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                     T* variance);
  void (*layer_norm_grad)(const Extents&, T epsilon, const T* dy, const T* x, const T* weight, const T* mean,
                          const T* variance, T* dx, T* dweight, T* dbias);

  // Softmax along `count`. Where inner > 1, scratch holds 2 · inner elements.
  void (*softmax)(const Extents&, const T* x, T* y, void* scratch);
  void (*log_softmax)(const Extents&, const T* x, T* y, void* scratch);
  void (*softmax_grad)(const Extents&, const T* dy, const T* y, T* dx, void* scratch);
  void (*log_softmax_grad)(const Extents&, const T* dy, const T* y, T* dx, void* scratch);
  void (*softmax_cross_entropy)(const Extents&, T label_smoothing, const T* logits,
                                const std::int32_t* labels, T* loss, T* probabilities);
  void (*softmax_cross_entropy_grad)(const Extents&, T label_smoothing, const T* dloss,
                                     const T* probabilities, const std::int32_t* labels, T* dlogits);

  // Updates of n elements; outputs may be written over the inputs that they replace.
  void (*sgd)(const UpdateSettings&, Index n, const T* w, const T* g, T learning_rate, T* w_next);
  void (*sgd_momentum)(const UpdateSettings&, Index n, const T* w, const T* g, const T* velocity,
                       T learning_rate, T* w_next, T* velocity_next);
  void (*adam)(const UpdateSettings&, Index n, const T* w, const T* g, const T* m, const T* v,
               T learning_rate, std::int32_t step, T* w_next, T* m_next, T* v_next);
  void (*rmsprop)(const UpdateSettings&, Index n, const T* w, const T* g, const T* squares, T learning_rate,
                  T* w_next, T* squares_next);
  void (*rmsprop_momentum)(const UpdateSettings&, Index n, const T* w, const T* g, const T* squares,
                           const T* buffer, T learning_rate, T* w_next, T* squares_next, T* buffer_next);
};

namespace baseline {
template <class T>
Kernels<T> kernels();
}
namespace avx2 {
template <class T>
Kernels<T> kernels();
}
namespace avx512 {
template <class T>
Kernels<T> kernels();
}

}  // namespace assay::eigen
