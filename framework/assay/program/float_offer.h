// Offers of kernels that compute in float and double, as most backends' do.
//
//   registry.add_kernel("mine", "neg", for_f32_and_f64([]<class T>(const Site& site) -> Offer {
//     return make_plan("mine.neg", [n = site.input(0).count()](const Io& io) {
//       for (std::int64_t i = 0; i < n; ++i) io.out<T>(0)[i] = -io.in<T>(0)[i];
//     });
//   }));
#pragma once

#include <string>

#include "assay/program/generic_kernel.h"

namespace assay {

/// `generic` is a callable with a template operator()<T>(const Site&) that returns an Offer. Other dtypes,
/// and sites of several ops, are refused.
template <class Generic>
OfferRule for_f32_and_f64(Generic generic) {
  return [generic](const Site& site) -> Offer {
    if (site.ops.size() != 1) return Refusal{"each op by itself"};
    const DType dtype = compute_dtype(site);
    if (dtype == DType::f32) return generic.template operator()<float>(site);
    if (dtype == DType::f64) return generic.template operator()<double>(site);
    return Refusal{"dtype " + std::string(name_of(dtype)) + " (f32 and f64 alone)"};
  };
}

}  // namespace assay
