// For kernels that read an element of an operand before they write the same element of a result, and not
// again.
#pragma once

#include <utility>
#include <vector>

#include "assay/program/kernel_table.h"

namespace assay::reference {

/// The same offers, with results that may be written over operands.
inline OfferRule in_place(std::vector<InPlace> pairs, OfferRule rule) {
  return [pairs = std::move(pairs), rule = std::move(rule)](const Site& site) -> Offer {
    Offer offer = rule(site);
    if (Plan* plan = std::get_if<Plan>(&offer)) plan->in_place = pairs;
    return offer;
  };
}

}  // namespace assay::reference
