#include "assay/registry/registry.h"

#include "assay/core/error.h"

namespace assay {

Registry::Registry() = default;
Registry::~Registry() = default;

void Registry::add_backend(BackendDef def, const std::string& owner) {
  const std::string name = def.name;
  const BackendDef& added = backends.add(name, std::move(def), owner);
  if (added.kernels) added.kernels(kernels(name), owner);
}

KernelTable& Registry::kernels(std::string_view backend) { return kernels_[std::string(backend)]; }

std::unique_ptr<Backend> Registry::create_backend(std::string_view name, const Fields& fields,
                                                  int threads) const {
  static const KernelTable none;
  const BackendDef& def = backends.at(name);
  const auto table = kernels_.find(name);
  const Fields full = complete(def.fields, fields, "backend '" + std::string(name) + "'");
  const auto create = [this, threads](std::string_view other) { return create_backend(other, {}, threads); };
  return def.create({full, threads, table == kernels_.end() ? none : table->second, create});
}

}  // namespace assay
