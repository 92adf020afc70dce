// A backend without a class of its own: what Registry::add_kernel gives it, op by op.
//
//   registry.add_backend(table_backend("mine", "my own kernels"));
//   registry.add_kernel("mine", "neg", ...);   // see program/float_offer.h
#pragma once

#include <string>

#include "assay/registry/registry.h"

namespace assay {

/// It takes the ops that kernels are registered for, each by itself, and refuses the others by name.
/// `description` is for the run record: the library behind it and its version.
BackendDef table_backend(std::string name, std::string summary, std::string description = {});

}  // namespace assay
