// The verdict on one op of a backend on one geometry: exact on small integers where the op is a polynomial,
// within a running error bound of the reference in quad elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "assay/registry/registry.h"
#include "conformance/op_run.h"

namespace assay::conformance {

/// What is built in, registered once.
const Registry& builtin();

/// What was checked on one case, and what was found.
struct Verdict {
  bool exact = false;
  bool bounded = false;
  std::string finding;
  Plan plan;
};

/// Nothing where the backend refuses the case, which it must do with a reason. `arrange` may say how the
/// inputs of the site lie before the backend is asked.
std::optional<Verdict> check_case(const Backend& backend, const OpDef& op, const Case& c, DType dtype,
                                  std::uint64_t seed, const std::function<void(Site&)>& arrange = {});

}  // namespace assay::conformance
