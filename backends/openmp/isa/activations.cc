// Activation functions and their gradients over contiguous data.
#include "backends/openmp/isa/activations.h"

#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Most of these functions cost several instructions per element, so that fewer elements are worth a thread.
constexpr std::int64_t kActivationGrain = kGrain / 4;

template <class T, class F>
void forward(double parameter, const T* x, T* y, std::int64_t count, int threads) {
  const F f(parameter);
  parallel_lanes<T>(threads, count, kActivationGrain,
                    [&](std::int64_t i, auto lanes) { lanes.store(y + i, f(lanes.load(x + i))); });
}

template <class T, class F>
void gradient(double parameter, const T* dy, const T* kept, T* dx, std::int64_t count, int threads) {
  const F f(parameter);
  parallel_lanes<T>(threads, count, kActivationGrain, [&](std::int64_t i, auto lanes) {
    lanes.store(dx + i, f.grad(lanes.load(dy + i), lanes.load(kept + i)));
  });
}

}  // namespace

template <class T>
void add_activations(Kernels<T>& kernels) {
  for (int kind = 0; kind < kActivationCount; ++kind) {
    with_activation<T>(static_cast<ActivationKind>(kind), [&]<class F>() {
      kernels.activation[kind] = forward<T, F>;
      kernels.activation_grad[kind] = gradient<T, F>;
    });
  }
}

template void add_activations<float>(Kernels<float>&);
template void add_activations<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
