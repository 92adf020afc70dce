// assay verify --mutants: how much of a catalogue of faults the verification catches.
#include <fmt/format.h>

#include "assay/faults/measure.h"
#include "assay/terminal.h"
#include "assay/verify_modes.h"

namespace assay::cli {

int verify_mutants(const Arguments& arguments) {
  faults::MeasureOptions options;
  options.select = arguments.text("keyword");
  options.tier = verify::parse_tier(arguments.text("tier", "standard"));
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, 1 << 30).value_or(1));
  ProgressBar bar(arguments.has("quiet") || !is_terminal(stderr));
  bool begun = false;
  options.progress = [&](const std::string& fault, std::size_t done, std::size_t all) {
    if (!begun) bar.begin("faults", static_cast<std::int64_t>(all));
    begun = true;
    bar.advance(static_cast<std::int64_t>(done), fault);
  };
  const faults::Measurement result = faults::measure(register_builtin, options);
  if (begun) bar.finish("");
  fmt::print("{}", arguments.text("format", "text") == "json" ? result.to_json() : result.to_string());
  std::fflush(stdout);
  if (result.verdicts.empty()) {
    fmt::print(stderr, "error: nothing was measured: no fault matches the selection\n");
    return kNothing;
  }
  return result.ok() ? kOk : kCheckFailed;
}

}  // namespace assay::cli
