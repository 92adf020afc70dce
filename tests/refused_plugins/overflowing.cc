// An activation that is right on paper: softplus, whose exponential overflows long before its result does.
#include <assay/plugin.h>

ASSAY_PLUGIN("overflowing", "0.1", registry) {
  registry.add_activation("overflowing", [](auto z) { return log(1 + exp(z)); });
}
