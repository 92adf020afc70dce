// assay verify FILE --against TRACE.npz: what PyTorch, JAX or code written by hand computed for an
// experiment.
#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/terminal.h"
#include "assay/verify/given_trace.h"
#include "assay/verify_modes.h"

namespace assay::cli {
namespace {

std::string table_of(const verify::GivenTraceReport& result) {
  Table table({"tensor", "verdict", "of bound", "largest ulp", "normwise", "bound"});
  for (const verify::Check& check : result.checks.checks()) {
    if (std::ranges::count(result.missing, check.subject.op) > 0) continue;
    const bool skipped = check.status == verify::Status::skipped;
    std::vector<std::string> line{
        check.subject.op, skipped ? "skipped" : (check.status == verify::Status::failed ? "FAILED" : "ok"),
        skipped || check.oracle == verify::Oracle::known ? "" : fmt::format("{:.2f}", check.ratio)};
    const auto row = std::ranges::find(result.rows, check.subject.op, &verify::TensorRow::tensor);
    if (row == result.rows.end()) {
      line.insert(line.end(), {"", ""});
    } else {
      line.push_back(fmt::format("{:.2g}", row->errors.front().largest_ulp));
      line.push_back(fmt::format("{:.1e}", row->errors.front().normwise));
    }
    line.push_back(skipped ? check.detail : check.basis);
    table.add(std::move(line));
  }
  return table.render();
}

}  // namespace

int verify_against(const Arguments& arguments, Registry& registry) {
  if (arguments.positionals().empty())
    throw Error("--against judges the trace of an experiment").help("assay verify FILE --against TRACE.npz");
  const Experiment experiment = experiment_of(arguments, registry);
  const std::string trace = arguments.text("against");
  verify::GivenTraceOptions options;
  options.select = arguments.text("keyword");
  options.batch = arguments.integer("batch", 1, std::int64_t{1} << 40).value_or(1) - 1;
  options.command = fmt::format("assay verify {} --against {}", arguments.positionals().front(), trace);
  if (arguments.has("batch")) options.command += fmt::format(" --batch {}", options.batch + 1);
  const verify::GivenTraceReport result = verify::verify_given_trace(experiment, registry, trace, options);
  if (arguments.text("format", "text") != "json") {
    fmt::print(
        "{} ({}), each tensor by those of the file that it follows from; ulp and normwise end to end, "
        "against the exact trace\n{}",
        trace, name_of(result.dtype), table_of(result));
    if (!result.missing.empty()) fmt::print("Not in the file: {}\n", join(result.missing));
    fmt::print("{}\n\n", result.first_failure.empty() ? "No tensor parts from what it follows from."
                                                      : "First tensor that parts: " + result.first_failure);
  }
  return report(result.checks, arguments);
}

}  // namespace assay::cli
