// What is built in, registered once for all tests of this program.
#pragma once

#include <memory>

#include "assay/registry/registry.h"

namespace assay::conformance {

inline const Registry& builtin() {
  static const std::unique_ptr<Registry> registry = [] {
    auto made = std::make_unique<Registry>();
    register_builtin(*made);
    return made;
  }();
  return *registry;
}

}  // namespace assay::conformance
