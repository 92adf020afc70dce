// A plugin that is as good as the library that it leans on.
#include <assay/registry/plugin_abi.h>

int answer_of_the_library();

ASSAY_PLUGIN("leaning", "0.1", registry) { answer_of_the_library(); }
