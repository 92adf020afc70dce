// swish, f(z) = z σ(z): an activation as one generic function (Ramachandran, Zoph and Le 2017). Its
// derivative comes from dual numbers, its kernels and its layer from the function alone.
#include <assay/plugin.h>

ASSAY_PLUGIN("swish", "1.0", registry) {
  registry.add_activation("swish", [](auto z) { return z * sigmoid(z); }, {.formula = "f(z) = z σ(z)"});
}
