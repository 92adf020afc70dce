#include "assay/registry/activation.h"

namespace assay {

void register_activation(Registry& registry, const ActivationInfo& info, const std::string& owner) {
  const OpDef& op = registry.ops.add(info.name, activation_op(info), owner);
  registry.ops.add(info.name + "_grad", activation_grad_op(info), owner);
  registry.layers.add(info.name, activation_layer(op), owner);
}

}  // namespace assay
