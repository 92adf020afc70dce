// Optimizer updates (PyTorch's formulas), element by element, in chunks that stay in the first-level cache
// between the statements of a formula.
#include <cmath>

#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/square_root.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

template <class T>
using Run = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
template <class T>
using ConstRun = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;

// Chunks are so short that the processor asks for the memory of the next one while it divides in this one.
template <class F>
void for_each_chunk(Index n, F f) {
  constexpr Index chunk = 128;
  for (Index i = 0; i < n; i += chunk) f(i, n - i < chunk ? n - i : chunk);
}

template <class T>
void sgd(const UpdateSettings& s, Index n, const T* w, const T* g, T learning_rate, T* w_next) {
  const ConstRun<T> weight(w, n), gradient(g, n);
  Run<T>(w_next, n) = weight - learning_rate * (gradient + static_cast<T>(s.weight_decay) * weight);
}

template <class T>
void sgd_momentum(const UpdateSettings& s, Index n, const T* w, const T* g, const T* velocity,
                  T learning_rate, T* w_next, T* velocity_next) {
  const auto momentum = static_cast<T>(s.momentum), decay = static_cast<T>(s.weight_decay);
  for_each_chunk(n, [=](Index i, Index length) {
    const ConstRun<T> weight(w + i, length), gradient(g + i, length), before(velocity + i, length);
    Run<T> after(velocity_next + i, length), result(w_next + i, length);
    const auto decayed = gradient + decay * weight;
    after = momentum * before + decayed;
    if (s.nesterov) {
      result = weight - learning_rate * (decayed + momentum * after);
    } else {
      result = weight - learning_rate * after;
    }
  });
}

// 1 − βᵗ, which cancels when computed as written: β₂ = 0.999 would cost the first step ten bits.
double one_minus_power(double beta, std::int32_t step) {
  return static_cast<double>(
      -std::expm1(static_cast<long double>(step) * std::log(static_cast<long double>(beta))));
}

// m' = β₁ m + (1 − β₁) g, v' = β₂ v + (1 − β₂) g², w' = w − η/(1 − β₁ᵗ) · m' / (√(v'/(1 − β₂ᵗ)) + ε).
template <class T>
void adam(const UpdateSettings& s, Index n, const T* w, const T* g, const T* m, const T* v, T learning_rate,
          std::int32_t step, T* w_next, T* m_next, T* v_next) {
  const auto beta1 = static_cast<T>(s.beta1), beta2 = static_cast<T>(s.beta2),
             epsilon = static_cast<T>(s.epsilon);
  const auto rest1 = static_cast<T>(1.0 - s.beta1), rest2 = static_cast<T>(1.0 - s.beta2);
  const auto rate = static_cast<T>(static_cast<double>(learning_rate) / one_minus_power(s.beta1, step));
  // A division costs as much as the memory that an element goes through: one is left in the loop.
  const auto correction = static_cast<T>(1.0 / one_minus_power(s.beta2, step));
  const T decay = s.decoupled ? T(0) : static_cast<T>(s.weight_decay);
  const auto keep =
      static_cast<T>(s.decoupled ? 1.0 - static_cast<double>(learning_rate) * s.weight_decay : 1.0);
  for_each_chunk(n, [=](Index i, Index length) {
    const ConstRun<T> weight(w + i, length), gradient(g + i, length), m_before(m + i, length),
        v_before(v + i, length);
    Run<T> m_after(m_next + i, length), v_after(v_next + i, length);
    const auto decayed = gradient + decay * weight;
    m_after = beta1 * m_before + rest1 * decayed;
    v_after = beta2 * v_before + rest2 * decayed.square();
    Run<T>(w_next + i, length) =
        keep * weight - rate * m_after / (square_root(v_after * correction) + epsilon);
  });
}

template <class T>
void rmsprop(const UpdateSettings& s, Index n, const T* w, const T* g, const T* squares, T learning_rate,
             T* w_next, T* squares_next) {
  const auto decay = static_cast<T>(s.decay), rest = static_cast<T>(1.0 - s.decay);
  const auto epsilon = static_cast<T>(s.epsilon), weight_decay = static_cast<T>(s.weight_decay);
  for_each_chunk(n, [=](Index i, Index length) {
    const ConstRun<T> weight(w + i, length), gradient(g + i, length), before(squares + i, length);
    Run<T> after(squares_next + i, length);
    const auto decayed = gradient + weight_decay * weight;
    after = decay * before + rest * decayed.square();
    Run<T>(w_next + i, length) = weight - learning_rate * (decayed / (square_root(after) + epsilon));
  });
}

template <class T>
void rmsprop_momentum(const UpdateSettings& s, Index n, const T* w, const T* g, const T* squares,
                      const T* buffer, T learning_rate, T* w_next, T* squares_next, T* buffer_next) {
  const auto decay = static_cast<T>(s.decay), rest = static_cast<T>(1.0 - s.decay);
  const auto epsilon = static_cast<T>(s.epsilon), weight_decay = static_cast<T>(s.weight_decay);
  const auto momentum = static_cast<T>(s.momentum);
  for_each_chunk(n, [=](Index i, Index length) {
    const ConstRun<T> weight(w + i, length), gradient(g + i, length), before(squares + i, length);
    Run<T> after(squares_next + i, length), velocity(buffer_next + i, length);
    const auto decayed = gradient + weight_decay * weight;
    after = decay * before + rest * decayed.square();
    velocity = momentum * ConstRun<T>(buffer + i, length) + decayed / (square_root(after) + epsilon);
    Run<T>(w_next + i, length) = weight - learning_rate * velocity;
  });
}

}  // namespace

template <class T>
void add_updates(Kernels<T>& table) {
  table.sgd = sgd<T>;
  table.sgd_momentum = sgd_momentum<T>;
  table.adam = adam<T>;
  table.rmsprop = rmsprop<T>;
  table.rmsprop_momentum = rmsprop_momentum<T>;
}

template void add_updates<float>(Kernels<float>&);
template void add_updates<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
