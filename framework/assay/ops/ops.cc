#include "assay/ops/ops.h"

#include "assay/ops/activation.h"
#include "assay/ops/conv.h"
#include "assay/ops/dropout.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/linear.h"
#include "assay/ops/loss.h"
#include "assay/ops/movement.h"
#include "assay/ops/normalize.h"
#include "assay/ops/pool.h"
#include "assay/ops/reduce.h"
#include "assay/ops/softmax.h"
#include "assay/ops/update.h"

namespace assay {

void register_ops(OpTable& ops, const std::string& owner) {
  register_elementwise_ops(ops, owner);
  register_activation_ops(ops, owner);
  register_linear_ops(ops, owner);
  register_reduce_ops(ops, owner);
  register_movement_ops(ops, owner);
  register_conv_ops(ops, owner);
  register_pool_ops(ops, owner);
  register_normalize_ops(ops, owner);
  register_softmax_ops(ops, owner);
  register_dropout_ops(ops, owner);
  register_loss_ops(ops, owner);
  register_update_ops(ops, owner);
}

}  // namespace assay
