#include "assay/verify/same_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace assay::verify {
namespace {

bool same_but_for_dtype(const Node& a, const Node& b) {
  const auto same_shape = [](const Spec& x, const Spec& y) { return x.shape == y.shape; };
  return a.kind == b.kind && a.op == b.op && a.fields == b.fields && a.inputs == b.inputs &&
         a.name == b.name &&
         std::bit_cast<std::uint64_t>(a.constant) == std::bit_cast<std::uint64_t>(b.constant) &&
         std::ranges::equal(a.outputs, b.outputs, same_shape);
}

}  // namespace

std::string first_difference(const Graph& graph, const Graph& proven) {
  const auto text = [](const Node& node) {
    return fmt::format("{} {}{}", node.label(), node.fields.to_string(),
                       node.scope.empty() ? "" : " of '" + node.scope + "'");
  };
  const std::size_t both = std::min(graph.nodes().size(), proven.nodes().size());
  for (std::size_t n = 0; n < both; ++n) {
    const Node &is = graph.nodes()[n], &other = proven.nodes()[n];
    if (!same_but_for_dtype(is, other))
      return fmt::format("node {} is {}, in quad {}", n, text(is), text(other));
  }
  if (graph.nodes().size() == proven.nodes().size()) return "";
  return fmt::format("has {} nodes, in quad {}", graph.nodes().size(), proven.nodes().size());
}

}  // namespace assay::verify
