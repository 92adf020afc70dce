// Any bytes as safetensors: tensors, or an Error.
#include "assay/data/safetensors.h"

#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const assay::fuzz::InputFile input;
  assay::fuzz::expect_error_or_success([&] { assay::read_safetensors(input.holding(data, size)); });
  return 0;
}
