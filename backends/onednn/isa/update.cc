// The optimizers' updates, element by element and in the order of their formulas (assay/ops/update.h). They
// work on flat buffers, hence in every layout: where the padding of w, g and the moments is zero, it stays
// zero.
#include <math.h>

#include "backends/onednn/isa/batch_norm_grad.h"
#include "backends/onednn/isa/lanes.h"
#include "backends/onednn/isa/max_pool.h"
#include "backends/onednn/isa/parallel.h"
#include "backends/onednn/isa/spread_nans.h"

namespace assay::onednn::ASSAY_ISA {
namespace {

// Elements below which a further thread costs more than it brings.
constexpr std::int64_t kWorthAThread = 16384;

template <class Element>
inline void for_each_element(int threads, std::int64_t count, const Element& element) {
  const std::int64_t useful = count / kWorthAThread + 1;
  in_parallel(useful < threads ? static_cast<int>(useful) : threads, count,
              [&](std::int64_t begin, std::int64_t end) {
#ifdef __clang__
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
                for (std::int64_t i = begin; i < end; ++i) element(i);
              });
}

// 1 − βᵗ = −(e^{t log β} − 1), which keeps its accuracy where βᵗ is close to 1.
float one_minus_power(double log_beta, std::int32_t step) {
  return static_cast<float>(-expm1(step * log_beta));
}

void scale(std::int64_t count, int threads, float factor, const float* x, float* y) noexcept {
  for_each_element(threads, count, [=](std::int64_t i) { y[i] = factor * x[i]; });
}

void sgd(const SgdUpdate& u, const float* w, const float* g, float rate, float* w_next) noexcept {
  const float lambda = u.weight_decay;
  for_each_element(u.threads, u.count,
                   [=](std::int64_t i) { w_next[i] = w[i] - rate * (g[i] + lambda * w[i]); });
}

void sgd_momentum(const SgdUpdate& u, const float* w, const float* g, const float* v, float rate,
                  float* w_next, float* v_next) noexcept {
  const float lambda = u.weight_decay, mu = u.momentum;
  if (u.nesterov) {
    for_each_element(u.threads, u.count, [=](std::int64_t i) {
      const float gradient = g[i] + lambda * w[i];
      const float velocity = mu * v[i] + gradient;
      w_next[i] = w[i] - rate * (gradient + mu * velocity);
      v_next[i] = velocity;
    });
    return;
  }
  for_each_element(u.threads, u.count, [=](std::int64_t i) {
    const float velocity = mu * v[i] + (g[i] + lambda * w[i]);
    w_next[i] = w[i] - rate * velocity;
    v_next[i] = velocity;
  });
}

void adam(const AdamUpdate& u, const float* w, const float* g, const float* m, const float* v, float rate,
          std::int32_t step, float* w_next, float* m_next, float* v_next) noexcept {
  // A division costs as much as the memory that an element goes through: one is left in the loop.
  const float step_rate = rate / one_minus_power(u.log_beta1, step);
  const float correction = 1.0f / one_minus_power(u.log_beta2, step);
  const float shrink = u.decoupled ? 1.0f - rate * u.weight_decay : 1.0f;
  const float lambda = u.decoupled ? 0.0f : u.weight_decay;
  const float beta1 = u.beta1, beta2 = u.beta2, take1 = u.take1, take2 = u.take2, epsilon = u.epsilon;
  for_each_element(u.threads, u.count, [=](std::int64_t i) {
    const float gradient = g[i] + lambda * w[i];
    const float first = beta1 * m[i] + take1 * gradient;
    const float second = beta2 * v[i] + take2 * (gradient * gradient);
    w_next[i] = shrink * w[i] - step_rate * first / (sqrtf(second * correction) + epsilon);
    m_next[i] = first;
    v_next[i] = second;
  });
}

void rmsprop(const RmspropUpdate& u, const float* w, const float* g, const float* s, float rate,
             float* w_next, float* s_next) noexcept {
  const float lambda = u.weight_decay, keep = u.decay, take = u.take, epsilon = u.epsilon;
  for_each_element(u.threads, u.count, [=](std::int64_t i) {
    const float gradient = g[i] + lambda * w[i];
    const float square = keep * s[i] + take * (gradient * gradient);
    w_next[i] = w[i] - rate * (gradient / (sqrtf(square) + epsilon));
    s_next[i] = square;
  });
}

void rmsprop_momentum(const RmspropUpdate& u, const float* w, const float* g, const float* s, const float* b,
                      float rate, float* w_next, float* s_next, float* b_next) noexcept {
  const float lambda = u.weight_decay, keep = u.decay, take = u.take, epsilon = u.epsilon, mu = u.momentum;
  for_each_element(u.threads, u.count, [=](std::int64_t i) {
    const float gradient = g[i] + lambda * w[i];
    const float square = keep * s[i] + take * (gradient * gradient);
    const float buffer = mu * b[i] + gradient / (sqrtf(square) + epsilon);
    w_next[i] = w[i] - rate * buffer;
    s_next[i] = square;
    b_next[i] = buffer;
  });
}

}  // namespace

Loops make_loops() noexcept {
  return {kWidth,       max_pool, max_pool_grad, gated_batch_norm_grad, spread_nans, scale, sgd,
          sgd_momentum, adam,     rmsprop,       rmsprop_momentum};
}

}  // namespace assay::onednn::ASSAY_ISA
