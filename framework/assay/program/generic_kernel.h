// Generic kernels: one function template over the scalar becomes the reference kernel of an op on every
// dtype, so that every oracle of the verification applies to it. The way in which the reference backend is
// written, and a plugin's op too.
//
//   kernels.add("square", assay::for_every_scalar([]<class T>(const assay::Site& site) {
//     const std::int64_t n = site.input(0).count();
//     return [n](const assay::Io& io) {
//       for (std::int64_t i = 0; i < n; ++i) io.out<T>(0)[i] = io.in<T>(0)[i] * io.in<T>(0)[i];
//     };
//   }), owner);
#pragma once

#include <string>

#include "assay/core/bound.h"
#include "assay/core/quad.h"
#include "assay/core/scalar.h"
#include "assay/program/kernel_table.h"

namespace assay {

/// The dtype a kernel computes in: that of the first real operand, else of the first real result, else of the
/// first operand, in which no generic kernel computes.
inline DType compute_dtype(const Site& site) {
  for (const Port& port : site.inputs) {
    if (is_real(port.spec.dtype)) return port.spec.dtype;
  }
  for (const Port& port : site.outputs) {
    if (is_real(port.spec.dtype)) return port.spec.dtype;
  }
  return site.inputs.empty() ? DType::f32 : site.input(0).dtype;
}

/// Which scalars a generic kernel is instantiated for.
enum class Scalars : std::uint8_t {
  all,        ///< with Lattice: the kernel uses + − × ÷ and comparisons only
  continuous  ///< without Lattice: it calls exp, sqrt, ...
};

/// An offer for sites of one op. `generic` is a callable with a template operator()<T>(const Site&) that
/// returns the bound kernel function `void(const Io&)`.
template <Scalars scalars = Scalars::continuous, class Generic>
OfferRule for_every_scalar(Generic generic) {
  return [generic](const Site& site) -> Offer {
    const auto plan = [&]<class T>() -> Offer {
      return make_plan("reference." + site.op().name, generic.template operator()<T>(site));
    };
    switch (const DType dtype = compute_dtype(site)) {
      case DType::f32:
        return plan.template operator()<float>();
      case DType::f64:
        return plan.template operator()<double>();
      case DType::quad:
        return plan.template operator()<Quad>();
      case DType::dual64:
        return plan.template operator()<Dual<double>>();
      case DType::dual_quad:
        return plan.template operator()<Dual<Quad>>();
      case DType::bound32:
        return plan.template operator()<Bound32>();
      case DType::bound64:
        return plan.template operator()<Bound64>();
      case DType::lattice:
        if constexpr (scalars == Scalars::all) {
          return plan.template operator()<Lattice>();
        } else {
          return Refusal{"op '" + site.op().name + "' is not exact on integers"};
        }
      default:
        return Refusal{"dtype " + std::string(name_of(dtype))};
    }
  };
}

}  // namespace assay
