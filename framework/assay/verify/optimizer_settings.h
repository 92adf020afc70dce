// M: what an optimizer lets be set, it heeds.
#pragma once

#include "assay/registry/registry.h"
#include "assay/verify/check.h"

namespace assay::verify {

/// Every number that is a setting of the optimizer's own changes the graph that moves a parameter: beside the
/// defaults, or where one more setting is another. Skipped where a setting has no default.
Outcome check_optimizer_settings(const Registry& registry, const OptimizerDef& def);

}  // namespace assay::verify
