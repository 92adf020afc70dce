// Any bytes as an experiment: typed, or an Error. Nothing is loaded and nothing is run.
#include "assay/experiment/experiment.h"

#include "assay/experiment/yaml_parser.h"
#include "assay/registry/registry.h"
#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay;
  static Registry registry;
  if (registry.ops.names().empty()) register_builtin(registry);
  fuzz::expect_error_or_success([&] {
    read_experiment(parse_yaml({reinterpret_cast<const char*>(data), size}, "input.yaml"), "input.yaml",
                    registry);
  });
  return 0;
}
