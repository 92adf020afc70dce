// Operands in the layouts of a backend's own that they have in a program: kernels are judged on them, too.
#pragma once

#include <optional>

#include "assay/registry/registry.h"

namespace assay::verify {

/// The site with every image [N, C, H, W] as a convolution of the backend leaves one, and every image of
/// indices as max pooling of such a one does. Nothing where they lie canonical all the same, or the registry
/// has none of these ops.
std::optional<Site> as_convolutions_leave_it(const Registry& registry, const Backend& backend, Site site);

/// The site with every matrix [out, in], a result that a backend may lay as its reader would have it
/// included, as the backend stores the weight of a network's first layer. Nothing where that is canonical.
std::optional<Site> as_first_layers_leave_it(const Registry& registry, const Backend& backend, Site site);

}  // namespace assay::verify
