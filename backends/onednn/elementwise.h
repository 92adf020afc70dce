// Where the operands of an elementwise site lie: all in one layout, that of the first operand that has one of
// ours.
#pragma once

#include "backends/onednn/context.h"

namespace assay::onednn {

struct Arrangement {
  Layout layout;
  MemoryDesc desc;  ///< of every operand of the result's shape
};

/// The arrangement of a site whose real operands of the result's shape are to lie alike. A buffer without
/// padding, or whose padding the function keeps zero, is seen as one flat row: no shape limits the primitive.
Arrangement arrangement_of(const Context& context, const Port& port, bool keeps_zero);
/// The first own layout among the inputs of the result's shape, or the canonical one.
const Port& leading_port(const Context& context, const Site& site);

/// Sets the plan's layouts: `layout` for every operand of the result's shape, canonical for the rest.
void lie_in(Plan& plan, const Site& site, const Layout& layout);

/// Tries `offer` with the operands as they lie, then in the canonical layout.
template <class F>
Offer in_some_layout(const Context& context, const Site& site, bool keeps_zero, F offer) {
  const Port& leading = leading_port(context, site);
  if (!leading.layout.canonical()) {
    Offer answer = offer(arrangement_of(context, leading, keeps_zero));
    if (std::holds_alternative<Plan>(answer)) return answer;
  }
  return offer(arrangement_of(context, Port{site.output(), {}, false}, keeps_zero));
}

}  // namespace assay::onednn
