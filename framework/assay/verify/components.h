// The checks of what experiments are made of, by known values: that layers, losses, optimizers, initialisers
// and schedules are what their names say.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "assay/registry/registry.h"
#include "assay/verify/check.h"

namespace assay::verify {

struct ComponentsOptions {
  std::string select{};
  std::string command = "assay verify --ops";  ///< that a failing check's id is added to
  /// Whether a component is asked for, by kind ("layer", "loss", "optimizer", "gradient", "initializer",
  /// "schedule") and name. Empty: all that are registered.
  std::function<bool(std::string_view kind, std::string_view name)> wanted{};
};

/// V, in quad on the reference: each known value to the last bit of f64, numbers that are drawn or scheduled
/// in double to the last bit of f32. A component of which nothing is known is skipped, with the reason.
Report verify_components(const Registry& registry, const ComponentsOptions& options = {});

}  // namespace assay::verify
