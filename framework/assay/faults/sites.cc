#include "assay/faults/sites.h"

#include <algorithm>

#include "assay/verify/op_site.h"

namespace assay::faults {

// A view runs no kernel, and what has no case is run nowhere.
std::vector<const OpDef*> ops_with_kernels(const Registry& registry) {
  std::vector<const OpDef*> ops;
  for (const auto& [name, entry] : registry.ops.entries()) {
    if (!entry.value.view && !entry.value.cases.empty()) ops.push_back(&entry.value);
  }
  return ops;
}

Sites::Sites(const Registry& registry) {
  std::vector<std::unique_ptr<Backend>> backends;
  for (const std::string& name : registry.backends.names()) {
    backends.push_back(registry.create_backend(name, {}, 1));
  }
  std::stable_partition(backends.begin(), backends.end(),
                        [](const auto& backend) { return backend->name() != "reference"; });
  for (const OpDef* op : ops_with_kernels(registry)) {
    std::vector<std::string>& taking = taking_[op->name];
    for (const auto& backend : backends) {
      const bool any = std::ranges::any_of(op->cases, [&](const Case& c) {
        const verify::OpSite site = verify::make_op_site(registry.ops, *op, c, DType::f32);
        return std::holds_alternative<Plan>(backend->offer(site.site()));
      });
      if (any) taking.emplace_back(backend->name());
    }
  }
}

const std::string& Sites::one(const std::string& op, std::size_t turn) const {
  const std::vector<std::string>& all = taking_.at(op);
  const std::size_t compiled = all.size() > 1 ? all.size() - 1 : all.size();
  return all[turn % compiled];
}

}  // namespace assay::faults
