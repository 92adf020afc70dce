// The load list: every built-in op and backend is registered here, and nowhere by a static initialiser.
#include "assay/ops/ops.h"
#include "assay/registry/registry.h"
#include "backends/reference/reference.h"

namespace assay {

void register_builtin(Registry& registry) {
  const std::string owner = "built-in";
  register_ops(registry.ops, owner);
  registry.add_backend(reference_backend(), owner);
}

}  // namespace assay
