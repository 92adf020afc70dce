// Any bytes as IDX, plain or gzipped: an array, or an Error.
#include "assay/data/idx.h"

#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const assay::fuzz::InputFile input;
  assay::fuzz::expect_error_or_success([&] { assay::read_idx(input.holding(data, size)); });
  return 0;
}
