// Operands in the layouts of a backend's own that they have in a program: kernels are judged on them, too.
#pragma once

#include <optional>

#include "assay/registry/registry.h"
#include "assay/verify/kernel_oracles.h"

namespace assay::verify {

/// The site with every image [N, C, H, W] as a convolution of the backend leaves one, and every image of
/// indices as max pooling of such a one does. Nothing where they lie canonical all the same, or the registry
/// has none of these ops.
std::optional<Site> as_convolutions_leave_it(const Registry& registry, const Backend& backend, Site site);

/// The site with every matrix [out, in], a result that a backend may lay as its reader would have it
/// included, as the backend stores the weight of a network's first layer. Nothing where that is canonical.
std::optional<Site> as_first_layers_leave_it(const Registry& registry, const Backend& backend, Site site);

/// Inputs of the case with the indices that pooling the op's result by windows that tile it would leave: a
/// kernel may take another way where none lies outside of its window. Nothing where there are no such.
std::optional<std::vector<Tensor>> with_indices_of_tiles(const Registry& registry, const KernelCase& subject,
                                                         const Draw& draw);

}  // namespace assay::verify
