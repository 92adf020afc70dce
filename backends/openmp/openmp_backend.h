// The openmp backend: the project's own threaded, vectorised kernels for f32 and f64, in canonical layouts.
// Results have the same bits at any number of threads. Fields: winograd (boolean, false): convolutions may take
// the winograd algorithm, which rounds differently.
#pragma once

#include "assay/registry/registry.h"

namespace assay {

BackendDef openmp_backend();

}  // namespace assay
