// The oneDNN backend, f32: primitives created once when a site is planned, weights and images resident in the
// layouts that the primitives want, activations fused into the products before them, scratch inside the
// program's arena. What oneDNN lacks, has only as an unoptimised loop, or computes inaccurately is refused
// with that reason. No type of the library appears here; the files beside this one are the backend's own.
#pragma once

#include "assay/registry/registry.h"

namespace assay {

/// Named "onednn". Fields: winograd (boolean, false): convolutions may take the winograd algorithm, which
/// computes another formula and is declared as such in the plan's accuracy.
BackendDef onednn_backend();

}  // namespace assay
