// Loops of the backend's own, for what the library has no primitive for, or a slower one: maximum pooling
// with indices, the gradient of batch normalisation through the relu behind it, scaling by a number known at
// run time, and the optimizers' updates. Built once per instruction set; loops() is the set that runs here.
#pragma once

#include <cstdint>

namespace assay::onednn {

/// Planes of `lanes` interleaved channels: element (h, w, lane) of a plane lies at (h·width + w)·lanes +
/// lane. Canonical images have one lane, blocked ones 8 or 16, channels-last ones all their channels.
struct MaxPooling {
  std::int64_t planes = 0;
  std::int64_t lanes = 1;
  std::int64_t height = 0, width = 0;  ///< of the image
  std::int64_t output_height = 0, output_width = 0;
  std::int64_t size_height = 1, size_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t top = 0, left = 0;
  int threads = 1;
};

/// Images in blocks of `lanes` interleaved channels: each image is blocks() planes of `points` positions.
/// Channels of the last block that are none hold zeros.
struct BatchNormalization {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t lanes = 16;  ///< or 8
  std::int64_t points = 0;  ///< height · width
  float epsilon = 0.0f;
  int threads = 1;

  std::int64_t blocks() const { return (channels + lanes - 1) / lanes; }
  /// Two sums of every plane, and of every second part of one that threads share.
  std::int64_t scratch_elements() const { return (images + threads) * blocks() * lanes * 2; }
};

/// Flat buffers of `count` elements; a result may lie over its old value. weight_decay enters the gradient,
/// but for AdamW.
struct SgdUpdate {
  std::int64_t count = 0;
  float weight_decay = 0.0f;
  float momentum = 0.0f;
  bool nesterov = false;
  int threads = 1;
};

struct AdamUpdate {
  std::int64_t count = 0;
  float weight_decay = 0.0f;
  float beta1 = 0.0f, beta2 = 0.0f;
  float take1 = 1.0f, take2 = 1.0f;         ///< 1 − β, rounded once
  double log_beta1 = 0.0, log_beta2 = 0.0;  ///< −infinity where β = 0
  float epsilon = 0.0f;
  bool decoupled = false;  ///< AdamW: the decay shrinks w by itself
  int threads = 1;
};

struct RmspropUpdate {
  std::int64_t count = 0;
  float weight_decay = 0.0f;
  float decay = 0.0f;
  float take = 1.0f;  ///< 1 − decay, rounded once
  float epsilon = 0.0f;
  float momentum = 0.0f;
  int threads = 1;
};

/// Lines of `extent` elements, `after` apart, in `before` blocks.
struct Lines {
  std::int64_t before = 1, extent = 0, after = 1;
  int threads = 1;
};

struct Loops {
  int width = 4;  ///< floats in a register
  /// The first maximum of each window in row-major order, or its first NaN, and h·width + w of it.
  void (*max_pool)(const MaxPooling&, const float* x, float* y, std::int32_t* index) noexcept;
  /// dx = 0, then each dy is added to the element that it was chosen from, in row-major order of the output;
  /// then times the derivative of relu where its output is `gate`, an image as dx is one. gate may be null.
  void (*max_pool_grad)(const MaxPooling&, const float* dy, const std::int32_t* index, const float* gate,
                        float* dx) noexcept;
  /// The gradients of batch normalisation, given that of the relu behind it, whose output is `gate`. dx may
  /// lie over dy, gate or x.
  void (*gated_batch_norm_grad)(const BatchNormalization&, const float* dy, const float* gate, const float* x,
                                const float* weight, const float* mean, const float* variance, float* dx,
                                float* dweight, float* dbias, float* scratch) noexcept;
  /// y = NaN along every line in which x has one.
  void (*spread_nans)(const Lines&, const float* x, float* y) noexcept;
  /// y = factor · x
  void (*scale)(std::int64_t count, int threads, float factor, const float* x, float* y) noexcept;
  void (*sgd)(const SgdUpdate&, const float* w, const float* g, float rate, float* w_next) noexcept;
  void (*sgd_momentum)(const SgdUpdate&, const float* w, const float* g, const float* v, float rate,
                       float* w_next, float* v_next) noexcept;
  void (*adam)(const AdamUpdate&, const float* w, const float* g, const float* m, const float* v, float rate,
               std::int32_t step, float* w_next, float* m_next, float* v_next) noexcept;
  void (*rmsprop)(const RmspropUpdate&, const float* w, const float* g, const float* s, float rate,
                  float* w_next, float* s_next) noexcept;
  void (*rmsprop_momentum)(const RmspropUpdate&, const float* w, const float* g, const float* s,
                           const float* b, float rate, float* w_next, float* s_next, float* b_next) noexcept;
};

namespace baseline {
Loops make_loops() noexcept;
}
namespace avx2 {
Loops make_loops() noexcept;
}
namespace avx512 {
Loops make_loops() noexcept;
}

/// The loops for selected_isa(). Throws Error as it does.
Loops loops();

}  // namespace assay::onednn
