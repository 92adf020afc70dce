// The openmp backend: the project's own threaded, vectorised kernels for f32 and f64, in canonical layouts.
// Results have the same bits at any number of threads.
#pragma once

#include "assay/registry/registry.h"

namespace assay {

BackendDef openmp_backend();

}  // namespace assay
