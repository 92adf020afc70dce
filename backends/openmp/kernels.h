// The kernels of the openmp backend as functions on plain pointers, one table per instruction set. Everything
// here is plain data, so that code built for different instruction sets may share it; nothing allocates or
// throws.
//
// Common to all: T is float or double; sizes are elements and may be 0; matrices and images are row-major;
// `threads` is the most that the call may use, and results have the same bits for every value of it. Buffers
// do not overlap unless a kernel says so. `scratch` is 64-byte aligned and as large as the function of that
// name told.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/openmp/kernel_types.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp {

/// y[i] = f(x[i]) for i < count. In place (y == x) is allowed.
template <class T>
using UnaryKernel = void (*)(const T* x, T* y, std::int64_t count, int threads);
/// The same for f with a parameter (a slope, α).
template <class T>
using ActivationKernel = void (*)(double parameter, const T* x, T* y, std::int64_t count, int threads);
/// dx[i] = dy[i] · f′, kept = x or y as Activation says. dx may be dy or kept.
template <class T>
using ActivationGradKernel = void (*)(double parameter, const T* dy, const T* kept, T* dx, std::int64_t count,
                                      int threads);
/// c = f(a, b) over a nest of loops whose operands are a (0) and b (1); c is dense. c may be an operand that
/// has the strides of c.
template <class T>
using BinaryKernel = void (*)(const Nest& nest, const T* a, const T* b, T* c, int threads);
/// c = [a ∘ b] as 0 or 1.
template <class T>
using CompareKernel = void (*)(const Nest& nest, const T* a, const T* b, std::uint8_t* c, int threads);

/// loss = Σ term(prediction, target) / divisor over one run; the parameter is δ of huber.
template <class T>
using LossKernel = void (*)(const Reduction& reduction, double parameter, T divisor, const T* prediction,
                            const T* target, T* loss, void* scratch, int threads);

template <class T>
struct Kernels {
  UnaryKernel<T> unary[kUnaryCount];
  ActivationKernel<T> activation[kActivationCount];
  ActivationGradKernel<T> activation_grad[kActivationCount];
  BinaryKernel<T> binary[kBinaryCount];
  CompareKernel<T> compare[kCompareCount];
  /// c = a where mask ≠ 0, else b; operands are mask (0), a (1), b (2). c may be a or b as above.
  void (*where)(const Nest& nest, const std::uint8_t* mask, const T* a, const T* b, T* c, int threads);

  /// How the products of this shape are computed; the layout of their work in GemmPlan is private to the
  /// kernels.
  GemmPlan (*plan_gemm)(const GemmShape& shape, int threads);
  /// C = alpha·A·B + beta·C for each of the shape's products, then the epilogue on C.
  void (*gemm)(const GemmPlan& plan, const GemmOperands<T>& operands, void* scratch);

  /// y = f(conv(x, weight) + bias), bias along BiasAxis::row or none.
  ConvolutionPlan (*plan_conv2d)(const Convolution& shape, int threads);
  void (*conv2d)(const ConvolutionPlan& plan, const T* x, const T* weight, const Epilogue<T>& epilogue, T* y,
                 void* scratch);
  ConvolutionPlan (*plan_conv2d_grad_input)(const Convolution& shape, int threads);
  void (*conv2d_grad_input)(const ConvolutionPlan& plan, const T* dy, const T* weight, T* dx, void* scratch);
  WeightGradPlan (*plan_conv2d_grad_weight)(const Convolution& shape, int threads);
  void (*conv2d_grad_weight)(const WeightGradPlan& plan, const T* dy, const T* x, T* dweight, void* scratch);

  /// The same as conv2d, or as conv2d_grad_input without an epilogue, by minimal filtering.
  /// Whether that is expected to be faster: few channels or results leave vectors unfilled, and too little to
  /// make up for the transforms.
  bool (*winograd_pays)(const Convolution& shape);
  WinogradPlan (*plan_winograd)(const Convolution& shape, bool turned, int threads);
  void (*winograd)(const WinogradPlan& plan, const T* x, const T* weight, const Epilogue<T>& epilogue, T* y,
                   void* scratch);
  WinogradPlan (*plan_winograd_grad_weight)(const Convolution& shape, int threads);
  void (*winograd_grad_weight)(const WinogradPlan& plan, const T* dy, const T* x, T* dweight, void* scratch);

  // Pooling; `index` is an element's place in its plane of x. `gate`, null or like dx, is x where a relu made
  // it: dx is passed on through its derivative, too.
  PoolingPlan (*plan_pooling)(const Pooling& shape, int threads);
  void (*max_pool2d)(const PoolingPlan& plan, const T* x, T* y, std::int32_t* index, void* scratch);
  void (*max_pool2d_grad)(const PoolingPlan& plan, const T* dy, const std::int32_t* index, const T* gate,
                          T* dx);
  void (*max_pool2d_gather)(const PoolingPlan& plan, const T* x, const std::int32_t* index, T* y);
  void (*avg_pool2d)(const PoolingPlan& plan, const T* x, T* y, void* scratch);
  void (*avg_pool2d_grad)(const PoolingPlan& plan, const T* dy, T* dx);

  /// y[i] = table[index[i]]; NaN where there is no such row.
  void (*gather)(const Gather& gather, const T* table, const std::int32_t* index, T* y, int threads);
  /// dtable[index[i]] += dy[i] from zero, in the order of i; indices of no row are passed over.
  void (*gather_grad)(const Gather& gather, const T* dy, const std::int32_t* index, T* dtable, int threads);

  /// y and mask from x and random words; key is [3], sample [samples]. y may be x.
  void (*dropout)(const Dropout<T>& dropout, const std::int32_t* key, const std::int32_t* sample, const T* x,
                  T* y, std::uint8_t* mask, int threads);

  /// y = Σ x / divisor over the loops of a reduction.
  void (*sum)(const Reduction& reduction, const T* x, T divisor, T* y, void* scratch, int threads);
  void (*max)(const Reduction& reduction, const T* x, T* y, void* scratch, int threads);
  /// Additions in the tallest branch of the tree.
  std::int64_t (*reduction_height)(const Reduction& reduction);
  /// Of the sum of a line of n elements that lie contiguous, or beside other lines.
  std::int64_t (*line_height)(std::int64_t n, bool contiguous);
  LossKernel<T> loss[kLossCount];

  // Along one axis. y may be x; dx may be dy or y.
  void (*softmax)(const Around&, const T* x, T* y, int threads);
  void (*log_softmax)(const Around&, const T* x, T* y, int threads);
  void (*softmax_grad)(const Around&, const T* dy, const T* y, T* dx, int threads);
  void (*log_softmax_grad)(const Around&, const T* dy, const T* y, T* dx, int threads);
  /// Logits [outer, extent], one label per row. Scratch: an element per row.
  void (*softmax_cross_entropy)(const Around& rows, T smoothing, const T* logits, const std::int32_t* labels,
                                T* loss, T* probabilities, void* scratch, int threads);
  /// dlogits may be the probabilities.
  void (*softmax_cross_entropy_grad)(const Around& rows, T smoothing, const T* dloss, const T* probabilities,
                                     const std::int32_t* labels, T* dlogits, int threads);

  // Normalisation of x [batch, channels, points] by statistics over a reduction of it, and of rows of x
  // [rows, width]; the gradients take the statistics as the forward kernels gave them. `relu`: y goes through
  // it; `gate`, null or like dy: its output, and dy is the cotangent of that. y may be x; dx may be dy, gate
  // or x. Scratch: a table with an element per channel or row (4 in batch_norm_grad, none in layer_norm),
  // then that of the reduction, of two sums at a time in the gradients.
  void (*batch_norm)(const Reduction& statistics, const Around&, T epsilon, const T* x, const T* weight,
                     const T* bias, bool relu, T* y, T* mean, T* variance, void* scratch, int threads);
  void (*batch_norm_grad)(const Reduction& statistics, const Around&, T epsilon, const T* dy, const T* gate,
                          const T* x, const T* weight, const T* mean, const T* variance, T* dx, T* dweight,
                          T* dbias, void* scratch, int threads);
  void (*batch_norm_inference)(const Around&, T epsilon, const T* x, const T* weight, const T* bias,
                               const T* mean, const T* variance, bool relu, T* y, void* scratch, int threads);
  void (*layer_norm)(const Around& rows, T epsilon, const T* x, const T* weight, const T* bias, T* y, T* mean,
                     T* variance, int threads);
  void (*layer_norm_grad)(const Reduction& columns, const Around& rows, T epsilon, const T* dy, const T* x,
                          const T* weight, const T* mean, const T* variance, T* dx, T* dweight, T* dbias,
                          void* scratch, int threads);

  /// y = x, element by element.
  void (*copy)(const Copy& copy, const T* x, T* y, int threads);

  // One step of an optimizer on `count` elements. Every result may be written over what it succeeds.
  void (*sgd)(const SgdUpdate<T>&, std::int64_t count, const T* w, const T* g, T* w_next, int threads);
  void (*sgd_momentum)(const SgdUpdate<T>&, std::int64_t count, const T* w, const T* g, const T* velocity,
                       T* w_next, T* velocity_next, int threads);
  void (*adam)(const AdamUpdate<T>&, std::int64_t count, const T* w, const T* g, const T* m, const T* v,
               T* w_next, T* m_next, T* v_next, int threads);
  void (*rmsprop)(const RmspropUpdate<T>&, std::int64_t count, const T* w, const T* g, const T* squares,
                  T* w_next, T* squares_next, int threads);
  void (*rmsprop_momentum)(const RmspropUpdate<T>&, std::int64_t count, const T* w, const T* g,
                           const T* squares, const T* buffer, T* w_next, T* squares_next, T* buffer_next,
                           int threads);
};

// The table of each instruction set (isa/kernels.cc).
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

}  // namespace assay::openmp
