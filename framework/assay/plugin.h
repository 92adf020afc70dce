// The one header that a plugin includes. A complete plugin:
//
//   #include <assay/plugin.h>
//
//   ASSAY_PLUGIN("swish", "1.0", registry) {
//     registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
//   }
//
// Built by CMake: find_package(assay REQUIRED), assay_add_plugin(swish swish.cc). What may be registered is in
// registry/registry.h: activations, ops, layers, losses, optimizers, schedules, initialisers, data sources,
// backends, and kernels for an existing backend. An exception out of the block refuses the plugin, and nothing
// of it stays registered; throw assay::Error for what the user can mend.
#pragma once

#include "assay/core/error.h"
#include "assay/core/number_beside.h"
#include "assay/core/tensor.h"
#include "assay/graph/differentiate.h"
#include "assay/graph/graph.h"
#include "assay/layers/layer.h"
#include "assay/layers/sample_shape.h"
#include "assay/ops/activation.h"
#include "assay/ops/conv.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/linear.h"
#include "assay/ops/movement.h"
#include "assay/ops/normalize.h"
#include "assay/ops/operands.h"
#include "assay/ops/pool.h"
#include "assay/ops/reduce.h"
#include "assay/ops/softmax.h"
#include "assay/ops/window.h"
#include "assay/program/backend.h"
#include "assay/program/float_offer.h"
#include "assay/program/generic_kernel.h"
#include "assay/program/unfold.h"
#include "assay/registry/activation.h"
#include "assay/registry/gemm_kernels.h"
#include "assay/registry/plugin_abi.h"
#include "assay/registry/registry.h"
#include "assay/registry/table_backend.h"
