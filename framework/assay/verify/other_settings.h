// Settings between and beyond those of an op's geometries: a kernel or a rule may be another one from some
// value on.
#pragma once

#include <vector>

#include "assay/graph/op.h"

namespace assay::verify {

/// The case once for every number among its settings and every value of a ladder that the setting allows: on
/// both sides of 0 and of 1. Without those that the op's shape rule refuses together with the others.
std::vector<Case> with_other_settings(const OpTable& ops, const OpDef& op, const Case& c);

}  // namespace assay::verify
