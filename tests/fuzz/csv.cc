// Any bytes as CSV, with the options that the first byte says: a data set, or an Error.
#include "assay/data/csv.h"

#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay;
  static const fuzz::InputFile input;
  if (size == 0) return 0;
  CsvOptions options;
  options.header = (data[0] & 1) != 0;
  options.separator = (data[0] & 2) != 0 ? ';' : ',';
  options.target_kind = (data[0] & 4) != 0   ? TargetReading::label
                        : (data[0] & 8) != 0 ? TargetReading::number
                                             : TargetReading::automatic;
  if ((data[0] & 16) == 0) options.target = {"-1"};
  if ((data[0] & 32) != 0) options.target = {"y", "0"};
  fuzz::expect_error_or_success([&] { read_csv(input.holding(data + 1, size - 1), options); });
  return 0;
}
