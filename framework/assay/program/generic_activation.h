// The kernels of an activation from one function of a scalar: y = f(x), and dx = dy · f′, with f′ as a
// function of y where the activation gives it so, and by dual numbers otherwise. Loops in the order of the
// formula, on every scalar.
#pragma once

#include <cstdint>

#include "assay/program/generic_kernel.h"

namespace assay {

/// `make` turns the op's complete fields into f, a callable on every scalar.
template <Scalars scalars, class Make>
OfferRule activation_kernel(Make make) {
  return for_every_scalar<scalars>([make]<class T>(const Site& site) {
    return [f = make(site.fields()), n = site.input(0).count()](const Io& io) {
      const T* x = io.in<T>(0);
      T* y = io.out<T>(0);
      for (std::int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
    };
  });
}

/// Of the op `<name>_grad`: its inputs are dy and x, or dy and y where f has by_output(y).
template <Scalars scalars, class Make>
OfferRule activation_gradient_kernel(Make make) {
  return for_every_scalar<scalars>([make]<class T>(const Site& site) {
    return [f = make(site.fields()), n = site.input(0).count()](const Io& io) {
      const T* dy = io.in<T>(0);
      const T* kept = io.in<T>(1);
      T* dx = io.out<T>(0);
      for (std::int64_t i = 0; i < n; ++i) {
        if constexpr (requires { f.by_output(kept[i]); }) {
          dx[i] = dy[i] * f.by_output(kept[i]);
        } else {
          const Dual<T> y = f(Dual<T>(kept[i], T(1)));
          dx[i] = dy[i] * y.derivative;
        }
      }
    };
  });
}

}  // namespace assay
