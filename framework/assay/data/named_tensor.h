// Tensors under names: what archives of arrays hold. NamedTensor owns, NamedView looks.
#pragma once

#include <string>

#include "assay/core/tensor.h"

namespace assay {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct NamedView {
  std::string name;
  TensorView view;
};

}  // namespace assay
