// Any bytes as .npz: arrays, or an Error for the file or for one of them.
#include "assay/data/npz.h"

#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay;
  static const fuzz::InputFile input;
  fuzz::expect_error_or_success([&] {
    const NpzFile file(input.holding(data, size));
    for (const std::string& name : file.names()) {
      fuzz::expect_error_or_success([&] { file.read(name); });
      fuzz::expect_error_or_success([&] { file.read(name, DType::f64); });
    }
  });
  return 0;
}
