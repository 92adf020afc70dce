// The load list: everything built in is registered here, and nowhere by a static initialiser.
#include "assay/ops/ops.h"
#include "assay/registry/registry.h"
#include "backends/reference/reference.h"
#ifdef ASSAY_WITH_EIGEN
#include "backends/eigen/eigen_backend.h"
#endif
#ifdef ASSAY_WITH_OPENMP
#include "backends/openmp/openmp_backend.h"
#endif
#ifdef ASSAY_WITH_ONEDNN
#include "backends/onednn/onednn_backend.h"
#endif

namespace assay {

void register_builtin(Registry& registry) {
  const std::string& owner = registry.owner();
  register_ops(registry.ops, owner);
  register_layers(registry.layers, registry.ops, owner);
  register_initializers(registry.initializers, owner);
  register_losses(registry.losses, owner);
  register_optimizers(registry.optimizers, owner);
  register_schedules(registry.schedules, owner);
  for (DataSourceDef& source : builtin_data_sources()) registry.add_data_source(std::move(source));
  registry.add_backend(reference_backend());
#ifdef ASSAY_WITH_EIGEN
  registry.add_backend(eigen_backend());
#endif
#ifdef ASSAY_WITH_OPENMP
  registry.add_backend(openmp_backend());
#endif
#ifdef ASSAY_WITH_ONEDNN
  registry.add_backend(onednn_backend());
#endif
}

}  // namespace assay
