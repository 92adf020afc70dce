#include "assay/verify_modes.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "assay/core/error.h"
#include "assay/session.h"

namespace assay::cli {
namespace {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw Error(fmt::format("'{}' cannot be written", path));
}

}  // namespace

Experiment experiment_of(const Arguments& arguments, Registry& registry) {
  return load_experiment(arguments.positionals().front(), changes_of(arguments), registry);
}

std::vector<std::string> backends_of(const Arguments& arguments) {
  const std::string names = arguments.text("backend", "all");
  return names == "all" ? std::vector<std::string>{} : listed(names);
}

std::vector<DType> dtypes_of(const Arguments& arguments) {
  std::vector<DType> dtypes;
  for (const std::string& name : listed(arguments.text("dtype", "f32,f64"))) {
    dtypes.push_back(parse_dtype(name));
    if (!is_trainable(dtypes.back()))
      throw Error(fmt::format("'{}' is no dtype that backends are verified in", name))
          .help("dtypes: f32, f64");
  }
  return dtypes;
}

int report(const verify::Report& report, const Arguments& arguments) {
  fmt::print("{}", arguments.text("format", "text") == "json" ? report.to_json() : report.to_string());
  std::fflush(stdout);
  if (arguments.has("junit")) write_file(arguments.text("junit"), report.to_junit());
  if (report.count(verify::Status::failed) > 0) return kCheckFailed;
  if (report.count(verify::Status::passed) == 0) {
    fmt::print(stderr, "error: nothing was checked: no check matches the selection\n");
    return kNothing;
  }
  return kOk;
}

}  // namespace assay::cli
