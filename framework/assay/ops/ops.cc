#include "assay/ops/ops.h"

#include "assay/ops/activation.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/linear.h"
#include "assay/ops/movement.h"
#include "assay/ops/reduce.h"

namespace assay {

void register_ops(OpTable& ops, const std::string& owner) {
  register_elementwise_ops(ops, owner);
  register_activation_ops(ops, owner);
  register_linear_ops(ops, owner);
  register_reduce_ops(ops, owner);
  register_movement_ops(ops, owner);
}

}  // namespace assay
