// The load list of the built-in ops.
#pragma once

#include <string>

#include "assay/graph/op.h"

namespace assay {

void register_ops(OpTable& ops, const std::string& owner);

}  // namespace assay
