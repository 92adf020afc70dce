// assay verify --graphs N: random models of everything that is registered.
#include <fmt/format.h>

#include "assay/terminal.h"
#include "assay/verify/graphs.h"
#include "assay/verify_modes.h"

namespace assay::cli {

int verify_graphs(const Arguments& arguments, const Registry& registry) {
  verify::GraphsOptions options;
  options.count = arguments.integer("graphs", 1, 1 << 24).value_or(1);
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, 1 << 30).value_or(1));
  options.backends = backends_of(arguments);
  options.dtypes = dtypes_of(arguments);
  options.select = arguments.text("keyword");
  options.stop_at_first_failure = arguments.has("exit-first");
  ProgressBar bar(arguments.has("quiet") || !is_terminal(stderr));
  bar.begin("graphs", options.count);
  options.progress = [&](std::int64_t done) { bar.advance(done, ""); };
  const verify::Report result = verify::verify_graphs(registry, options);
  bar.finish("");
  return report(result, arguments);
}

}  // namespace assay::cli
