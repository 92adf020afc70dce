// Optimizer updates (PyTorch's formulas), a packet of elements at a time: an element is read once, and stays
// in registers until the last line of its formula. Array expressions would make a pass of every result.
// Packets are the processor's vectors, which have the operators of numbers.
#include <cmath>

#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/functions.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

// Access to all elements of a packet ...
template <class T>
struct WholePacket {
  PacketOf<T> load(const T* from) const { return packet::ploadu<PacketOf<T>>(from); }
  void store(T* to, const PacketOf<T>& value) const { packet::pstoreu(to, value); }
};
// ... and to its first ones.
template <class T>
struct PartOfPacket {
  Index count;
  PacketOf<T> load(const T* from) const { return load_partial(from, count); }
  void store(T* to, const PacketOf<T>& value) const { store_partial(to, value, count); }
};

// f(i, access) for the packet that begins at element i.
template <class T, class F>
void for_each_packet(Index n, F f) {
  constexpr Index width = packet::packet_traits<T>::size;
  Index i = 0;
  for (; i + width <= n; i += width) f(i, WholePacket<T>{});
  if (i < n) f(i, PartOfPacket<T>{n - i});
}

template <class T>
PacketOf<T> splat(double number) {
  return constant<PacketOf<T>>(number);
}

template <class T>
void sgd(const UpdateSettings& s, Index n, const T* w, const T* g, T learning_rate, T* w_next) {
  const auto rate = splat<T>(learning_rate), decay = splat<T>(s.weight_decay);
  for_each_packet<T>(n, [=](Index i, auto access) {
    const auto weight = access.load(w + i);
    access.store(w_next + i, weight - rate * (access.load(g + i) + decay * weight));
  });
}

template <class T>
void sgd_momentum(const UpdateSettings& s, Index n, const T* w, const T* g, const T* velocity,
                  T learning_rate, T* w_next, T* velocity_next) {
  const auto rate = splat<T>(learning_rate), decay = splat<T>(s.weight_decay),
             momentum = splat<T>(s.momentum);
  for_each_packet<T>(n, [=, nesterov = s.nesterov](Index i, auto access) {
    const auto weight = access.load(w + i);
    const auto gradient = access.load(g + i) + decay * weight;
    const auto after = momentum * access.load(velocity + i) + gradient;
    access.store(w_next + i, weight - rate * (nesterov ? gradient + momentum * after : after));
    access.store(velocity_next + i, after);
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
  const auto beta1 = splat<T>(s.beta1), beta2 = splat<T>(s.beta2), epsilon = splat<T>(s.epsilon);
  const auto rest1 = splat<T>(1.0 - s.beta1), rest2 = splat<T>(1.0 - s.beta2);
  const auto rate = splat<T>(static_cast<double>(learning_rate) / one_minus_power(s.beta1, step));
  // A division costs as much as the memory that an element goes through: one is left in the loop.
  const auto correction = splat<T>(1.0 / one_minus_power(s.beta2, step));
  const auto decay = splat<T>(s.decoupled ? 0.0 : s.weight_decay);
  const auto keep = splat<T>(s.decoupled ? 1.0 - static_cast<double>(learning_rate) * s.weight_decay : 1.0);
  for_each_packet<T>(n, [=](Index i, auto access) {
    const auto weight = access.load(w + i);
    const auto gradient = access.load(g + i) + decay * weight;
    const auto first = beta1 * access.load(m + i) + rest1 * gradient;
    const auto second = beta2 * access.load(v + i) + rest2 * (gradient * gradient);
    const auto deviation = packet::psqrt(second * correction) + epsilon;
    access.store(w_next + i, keep * weight - rate * first / deviation);
    access.store(m_next + i, first);
    access.store(v_next + i, second);
  });
}

template <class T>
void rmsprop(const UpdateSettings& s, Index n, const T* w, const T* g, const T* squares, T learning_rate,
             T* w_next, T* squares_next) {
  const auto keep = splat<T>(s.decay), rest = splat<T>(1.0 - s.decay), epsilon = splat<T>(s.epsilon);
  const auto rate = splat<T>(learning_rate), decay = splat<T>(s.weight_decay);
  for_each_packet<T>(n, [=](Index i, auto access) {
    const auto weight = access.load(w + i);
    const auto gradient = access.load(g + i) + decay * weight;
    const auto after = keep * access.load(squares + i) + rest * (gradient * gradient);
    access.store(w_next + i, weight - rate * (gradient / (packet::psqrt(after) + epsilon)));
    access.store(squares_next + i, after);
  });
}

template <class T>
void rmsprop_momentum(const UpdateSettings& s, Index n, const T* w, const T* g, const T* squares,
                      const T* buffer, T learning_rate, T* w_next, T* squares_next, T* buffer_next) {
  const auto keep = splat<T>(s.decay), rest = splat<T>(1.0 - s.decay), epsilon = splat<T>(s.epsilon);
  const auto rate = splat<T>(learning_rate), decay = splat<T>(s.weight_decay),
             momentum = splat<T>(s.momentum);
  for_each_packet<T>(n, [=](Index i, auto access) {
    const auto weight = access.load(w + i);
    const auto gradient = access.load(g + i) + decay * weight;
    const auto after = keep * access.load(squares + i) + rest * (gradient * gradient);
    const auto velocity = momentum * access.load(buffer + i) + gradient / (packet::psqrt(after) + epsilon);
    access.store(w_next + i, weight - rate * velocity);
    access.store(squares_next + i, after);
    access.store(buffer_next + i, velocity);
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
