// Where a fault can be put: which backends take an op, and a rotation through them.
#pragma once

#include <string>
#include <vector>

#include "assay/registry/registry.h"

namespace assay::faults {

/// Ops that kernels run for, in name order.
std::vector<const OpDef*> ops_with_kernels(const Registry& registry);

/// The backends that take any case of the op in f32, the reference last.
class Sites {
 public:
  explicit Sites(const Registry& registry);
  const std::vector<std::string>& taking(const std::string& op) const { return taking_.at(op); }
  /// One of them, another for every `turn`; a compiled backend where there is one.
  const std::string& one(const std::string& op, std::size_t turn) const;

 private:
  std::map<std::string, std::vector<std::string>> taking_;
};

}  // namespace assay::faults
