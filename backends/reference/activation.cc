// Activations: y = f(x), and dx = dy · f′, with f′ from y where the activation says so and from dual numbers
// otherwise.
#include "assay/ops/activation.h"

#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

template <class A>
struct Forward {
  template <class T>
  auto operator()(const Site& site) const {
    return [f = A(site.fields()), n = site.input(0).count()](const Io& io) {
      const T* x = io.in<T>(0);
      T* y = io.out<T>(0);
      for (std::int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
    };
  }
};

template <class A>
struct Gradient {
  template <class T>
  auto operator()(const Site& site) const {
    return [f = A(site.fields()), n = site.input(0).count()](const Io& io) {
      const T* dy = io.in<T>(0);
      const T* kept = io.in<T>(1);  // x, or y for an activation derived by its output
      T* dx = io.out<T>(0);
      for (std::int64_t i = 0; i < n; ++i) {
        if constexpr (requires { A::by_output(kept[i]); }) {
          dx[i] = dy[i] * A::by_output(kept[i]);
        } else {
          dx[i] = dy[i] * f(Dual<T>(kept[i], T(1))).derivative;
        }
      }
    };
  }
};

}  // namespace

void add_activation_kernels(KernelTable& kernels, std::string_view owner) {
  for_each_activation([&]<class A>(A*) {
    const std::string name = A::info().name;
    constexpr bool exact = std::is_same_v<A, Identity> || std::is_same_v<A, Relu>;
    constexpr Scalars scalars = exact ? Scalars::all : Scalars::continuous;
    kernels.add(name, for_every_scalar<scalars>(Forward<A>{}), owner);
    if constexpr (!std::is_same_v<A, Identity>)
      kernels.add(name + "_grad", for_every_scalar<scalars>(Gradient<A>{}), owner);
  });
}

}  // namespace assay
