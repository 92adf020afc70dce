// Any bytes as YAML: a tree, or an Error. A tree is written as YAML that parses to the same tree.
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/flat_config.h"
#include "assay/experiment/yaml_parser.h"
#include "fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay;
  fuzz::expect_error_or_success([&] {
    const ConfigNode tree = parse_yaml({reinterpret_cast<const char*>(data), size}, "input.yaml");
    if (!tree.is_map()) return;
    flattened(tree);
    std::string again;
    try {
      again = emit_yaml(tree);
    } catch (const Error&) {  // what cannot be written is said
      return;
    }
    // An Error here would be a text of assay's own that it cannot read.
    try {
      if (!(parse_yaml(again, "again.yaml") == tree)) std::abort();
    } catch (const Error&) {
      std::abort();
    }
  });
  return 0;
}
