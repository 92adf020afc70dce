// A plugin that brings nothing; built in ways that assay must refuse.
#include <assay/registry/plugin_abi.h>

ASSAY_PLUGIN("empty", "0.1", registry) {}
