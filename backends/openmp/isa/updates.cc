// Optimizer steps, element by element (framework/assay/ops/update.h has the formulas).
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// These loops stream from memory: a few threads fill its bandwidth, and many elements are worth one.
constexpr std::int64_t kUpdateGrain = kGrain / 2;

template <class T, class Body>
void for_each(std::int64_t count, int threads, const Body& body) {
  parallel_lanes<T>(threads, count, kUpdateGrain, body);
}

template <class T>
void sgd(const SgdUpdate<T>& s, std::int64_t count, const T* w, const T* g, T* w_next, int threads) {
  const Vec<T> rate = splat(-s.learning_rate), decay = splat(s.weight_decay);
  for_each<T>(count, threads, [=](std::int64_t i, auto lanes) {
    const Vec<T> weight = lanes.load(w + i);
    const Vec<T> gradient = multiply_add(decay, weight, lanes.load(g + i));
    lanes.store(w_next + i, multiply_add(rate, gradient, weight));
  });
}

template <class T>
void sgd_momentum(const SgdUpdate<T>& s, std::int64_t count, const T* w, const T* g, const T* velocity,
                  T* w_next, T* velocity_next, int threads) {
  const Vec<T> rate = splat(-s.learning_rate), decay = splat(s.weight_decay), momentum = splat(s.momentum);
  for_each<T>(count, threads, [=, nesterov = s.nesterov](std::int64_t i, auto lanes) {
    const Vec<T> weight = lanes.load(w + i);
    const Vec<T> gradient = multiply_add(decay, weight, lanes.load(g + i));
    const Vec<T> v = multiply_add(momentum, lanes.load(velocity + i), gradient);
    const Vec<T> direction = nesterov ? multiply_add(momentum, v, gradient) : v;
    lanes.store(w_next + i, multiply_add(rate, direction, weight));
    lanes.store(velocity_next + i, v);
  });
}

template <class T>
void adam(const AdamUpdate<T>& s, std::int64_t count, const T* w, const T* g, const T* m, const T* v,
          T* w_next, T* m_next, T* v_next, int threads) {
  const T kept = s.decoupled ? T(1) - s.learning_rate * s.weight_decay : T(1);
  const Vec<T> decay = splat(s.decoupled ? T(0) : s.weight_decay);
  for_each<T>(count, threads, [=](std::int64_t i, auto lanes) {
    const Vec<T> weight = lanes.load(w + i);
    const Vec<T> gradient = multiply_add(decay, weight, lanes.load(g + i));
    const Vec<T> first = multiply_add(splat(s.keep1), lanes.load(m + i), s.take1 * gradient);
    const Vec<T> second = multiply_add(splat(s.keep2), lanes.load(v + i), s.take2 * (gradient * gradient));
    const Vec<T> deviation = sqrt(second * s.correction) + s.epsilon;
    lanes.store(w_next + i, kept * weight - s.step_rate * first / deviation);
    lanes.store(m_next + i, first);
    lanes.store(v_next + i, second);
  });
}

// The gradient with its decay, divided by the root of the mean square.
template <class T>
struct Scaled {
  Vec<T> squares;
  Vec<T> direction;
};
template <class T>
ASSAY_INLINE Scaled<T> scale_by_root(const RmspropUpdate<T>& s, Vec<T> weight, Vec<T> g, Vec<T> before) {
  const Vec<T> gradient = multiply_add(splat(s.weight_decay), weight, g);
  const Vec<T> squares = multiply_add(splat(s.keep), before, s.take * (gradient * gradient));
  return {squares, gradient / (sqrt(squares) + s.epsilon)};
}

template <class T>
void rmsprop(const RmspropUpdate<T>& s, std::int64_t count, const T* w, const T* g, const T* squares,
             T* w_next, T* squares_next, int threads) {
  for_each<T>(count, threads, [=](std::int64_t i, auto lanes) {
    const Vec<T> weight = lanes.load(w + i);
    const Scaled<T> scaled = scale_by_root(s, weight, lanes.load(g + i), lanes.load(squares + i));
    lanes.store(w_next + i, weight - s.learning_rate * scaled.direction);
    lanes.store(squares_next + i, scaled.squares);
  });
}

template <class T>
void rmsprop_momentum(const RmspropUpdate<T>& s, std::int64_t count, const T* w, const T* g, const T* squares,
                      const T* buffer, T* w_next, T* squares_next, T* buffer_next, int threads) {
  for_each<T>(count, threads, [=](std::int64_t i, auto lanes) {
    const Vec<T> weight = lanes.load(w + i);
    const Scaled<T> scaled = scale_by_root(s, weight, lanes.load(g + i), lanes.load(squares + i));
    const Vec<T> velocity = multiply_add(splat(s.momentum), lanes.load(buffer + i), scaled.direction);
    lanes.store(w_next + i, weight - s.learning_rate * velocity);
    lanes.store(squares_next + i, scaled.squares);
    lanes.store(buffer_next + i, velocity);
  });
}

}  // namespace

template <class T>
void add_updates(Kernels<T>& kernels) {
  kernels.sgd = sgd<T>;
  kernels.sgd_momentum = sgd_momentum<T>;
  kernels.adam = adam<T>;
  kernels.rmsprop = rmsprop<T>;
  kernels.rmsprop_momentum = rmsprop_momentum<T>;
}

template void add_updates<float>(Kernels<float>&);
template void add_updates<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
