// assay verify --contracts.
#include <fmt/format.h>

#include "assay/terminal.h"
#include "assay/verify/contracts.h"
#include "assay/verify_modes.h"

namespace assay::cli {
namespace {

std::string number(double x) { return fmt::format("{:.3g}", x); }

std::string argument_of(const verify::FunctionError& row) {
  // The shortest decimals that are this number and no other.
  const auto shortest = [&](double x) {
    return row.subject.dtype == DType::f32 ? fmt::format("{}", static_cast<float>(x)) : fmt::format("{}", x);
  };
  return row.subject.op == "pow" ? fmt::format("{}, {}", shortest(row.x), shortest(row.second))
                                 : shortest(row.x);
}

std::string verdict_of(const verify::FunctionError& row) {
  std::string verdict = row.holds ? "holds" : "FAILS";
  if (row.lost_nans > 0) verdict += ", loses NaN";
  return verdict;
}

std::string table_of(const std::vector<verify::FunctionError>& rows) {
  Table table({"op", "backend", "dtype", "ulp", "absolute", "max ulp", "mean ulp", "signed", "at x", "bits",
               "got", "exact", "of allowed", "declaration"});
  for (const verify::FunctionError& row : rows) {
    if (!row.refusal.empty()) continue;
    const bool declares = row.declared.ulp > 0.0 || row.declared.absolute > 0.0;
    const int digits = row.subject.dtype == DType::f32 ? 9 : 17;
    table.add({row.subject.op + (row.subject.geometry.empty() ? "" : " " + row.subject.geometry),
               row.subject.backend, std::string(name_of(row.subject.dtype)),
               declares ? number(row.declared.ulp) : "formula",
               row.declared.absolute > 0.0 ? number(row.declared.absolute) : "", number(row.max_ulp),
               number(row.mean_ulp), fmt::format("{:+.2g}", row.mean_signed_ulp), argument_of(row),
               verify::bits_of(row.x, row.subject.dtype), fmt::format("{:.{}g}", row.got, digits),
               fmt::format("{:.17g}", row.exact), fmt::format("{:.2f}", row.ratio), verdict_of(row)});
  }
  return table.empty() ? "" : table.render();
}

std::string about(double seconds) {
  return seconds < 120 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

}  // namespace

int verify_contracts(const Arguments& arguments, const Registry& registry) {
  verify::ContractOptions options;
  options.select = arguments.text("keyword");
  options.backends = backends_of(arguments);
  options.dtypes = dtypes_of(arguments);
  if (arguments.has("exhaustive")) {
    options.stride = 1;
    options.announce = [&](double seconds, int jobs) {
      if (arguments.has("quiet")) return;
      fmt::print(stderr, "all 2^32 floats: about {} on {} thread{}\n", about(seconds / jobs), jobs,
                 jobs == 1 ? "" : "s");
    };
  }
  for (const std::string& plugin : arguments.all("plugin")) options.command += " --plugin " + plugin;
  ProgressBar bar(arguments.has("quiet") || !is_terminal(stderr));
  bool begun = false;
  options.progress = [&](const std::string& function, std::size_t done, std::size_t parts) {
    if (!begun) bar.begin("functions", static_cast<std::int64_t>(parts));
    begun = true;
    bar.advance(static_cast<std::int64_t>(done), function);
  };
  const verify::ContractReport result = verify::verify_contracts(registry, options);
  if (begun) bar.finish("");
  const std::string table = table_of(result.rows);
  if (!table.empty() && arguments.text("format", "text") != "json") {
    fmt::print(
        "{}\nulp, absolute: what the plan declares, error ≤ max(ulp, absolute); formula: nothing beyond the "
        "roundings "
        "of its formula.\nThe argument is that of the largest error in ulp.\n\n",
        table);
  }
  return report(result.checks, arguments);
}

}  // namespace assay::cli
