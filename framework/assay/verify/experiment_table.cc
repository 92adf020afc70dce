#include <fmt/format.h>

#include <algorithm>

#include "assay/verify/experiment.h"

namespace assay::verify {
namespace {

std::string ulps(double x) {
  if (x == 0.0) return "0";
  return x < 1000 ? fmt::format("{:.2g}", x) : fmt::format("{:.1e}", x);
}

}  // namespace

std::string ExperimentReport::table() const {
  // Parameters and activations as they are given say nothing: what is computed does.
  std::vector<std::vector<std::string>> cells;
  std::vector<std::string> header{"tensor"};
  for (const std::string& column : columns) header.push_back(column);
  header.emplace_back("finite differences");
  cells.push_back(std::move(header));
  for (const TensorRow& row : rows) {
    const bool given =
        std::ranges::all_of(row.errors, [](const TensorError& e) { return e.largest_ulp == 0.0; }) &&
        !row.tensor.starts_with("grad/") && !row.tensor.ends_with(".output") && row.tensor != "loss";
    if (given) continue;
    std::vector<std::string> line{row.tensor};
    for (const TensorError& e : row.errors)
      line.push_back(fmt::format("{} / {} / {:.1e}", ulps(e.largest_ulp), ulps(e.median_ulp), e.normwise));
    std::string difference = "";
    for (const DifferenceError& d : differences) {
      if ("grad/" + d.parameter == row.tensor)
        difference = fmt::format("{:.1e} ({} tried)", d.relative, d.directions);
    }
    line.push_back(std::move(difference));
    cells.push_back(std::move(line));
  }
  std::vector<std::size_t> widths(cells.front().size(), 0);
  for (const auto& line : cells) {
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text = fmt::format(
      "Errors against the reference in quad, on {} sample{}: largest ulp / median ulp / normwise\n", samples,
      samples == 1 ? "" : "s");
  for (const auto& line : cells) {
    std::string drawn;
    for (std::size_t c = 0; c < line.size(); ++c) drawn += fmt::format("{:<{}}  ", line[c], widths[c]);
    drawn.erase(drawn.find_last_not_of(' ') + 1);
    text += drawn + "\n";
  }
  return text;
}

}  // namespace assay::verify
