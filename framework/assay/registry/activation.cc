#include "assay/registry/activation.h"

namespace assay {

void register_activation(Registry& registry, const ActivationInfo& info) {
  const OpDef op = activation_op(info);
  registry.add_op(op);
  registry.add_op(activation_grad_op(info));
  registry.add_layer(activation_layer(op));
}

}  // namespace assay
