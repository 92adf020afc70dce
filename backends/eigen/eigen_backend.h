// The Eigen backend: maps, packed products and packet math, single-threaded, f32 and f64, in canonical
// layouts.
#pragma once

#include "assay/registry/registry.h"

namespace assay {

BackendDef eigen_backend();

}  // namespace assay
