// Takes a name that is built in.
#include <assay/plugin.h>

ASSAY_PLUGIN("duplicate", "0.1", registry) {
  registry.add_activation("relu", [](auto z) { return z; });
}
