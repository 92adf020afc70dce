#include "assay/faults/fault.h"

#include <iterator>

namespace assay::faults {

std::string_view class_name(int number) {
  static constexpr std::string_view kNames[kClassCount] = {"sign flipped",
                                                           "missing or extra factor",
                                                           "wrong derivative on all backends",
                                                           "forward and backward wrong together",
                                                           "upstream gradient ignored",
                                                           "scale, shift or epsilon misplaced",
                                                           "wrong axis",
                                                           "broadcast not reduced",
                                                           "padding, stride, dilation, edge",
                                                           "vector tail",
                                                           "accumulate or overwrite",
                                                           "stale workspace or cache",
                                                           "uninitialised output",
                                                           "input clobbered, unsafe in place",
                                                           "stride or layout ignored",
                                                           "thread partition",
                                                           "race",
                                                           "lower precision",
                                                           "small relative error",
                                                           "tie or arg-max",
                                                           "relu at 0",
                                                           "no shift by the maximum",
                                                           "dropout mask or scale",
                                                           "batch of one, extent, index",
                                                           "function outside its contract",
                                                           "program: buffers, order, merging"};
  return kNames[number - 1];
}

std::vector<Fault> catalogue(const Registry& registry) {
  std::vector<Fault> all;
  for (const auto& part : {kernel_faults, input_faults, field_faults, function_faults, rule_faults,
                           reported_faults, program_faults}) {
    std::vector<Fault> faults = part(registry);
    std::move(faults.begin(), faults.end(), std::back_inserter(all));
  }
  for (Fault& fault : all) fault.polynomial = !fault.compile && registry.ops.at(fault.op).polynomial;
  return all;
}

}  // namespace assay::faults
