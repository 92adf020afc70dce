#include "assay/registry/registry.h"

#include "assay/core/error.h"

namespace assay {

Registry::Registry(std::string owner) : owner_(std::move(owner)) {}
Registry::~Registry() = default;

namespace {

template <class T>
const T& add_to(NamedTable<T>& table, T def, const std::string& owner) {
  const std::string name = def.name;
  return table.add(name, std::move(def), owner);
}

}  // namespace

void Registry::add_op(OpDef def) { add_to(ops, std::move(def), owner_); }
void Registry::add_layer(LayerDef def) { add_to(layers, std::move(def), owner_); }
void Registry::add_loss(LossDef def) { add_to(losses, std::move(def), owner_); }
void Registry::add_optimizer(OptimizerDef def) { add_to(optimizers, std::move(def), owner_); }
void Registry::add_schedule(ScheduleDef def) { add_to(schedules, std::move(def), owner_); }
void Registry::add_initializer(InitializerDef def) { add_to(initializers, std::move(def), owner_); }
void Registry::add_data_source(DataSourceDef def) { add_to(data_sources, std::move(def), owner_); }

void Registry::add_backend(BackendDef def) {
  const BackendDef& added = add_to(backends, std::move(def), owner_);
  if (added.kernels) added.kernels(kernels(added.name), owner_);
}

void Registry::add_kernel(std::string_view backend, std::string_view op, OfferRule offer) {
  kernels(backend).add(op, std::move(offer), owner_);
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
