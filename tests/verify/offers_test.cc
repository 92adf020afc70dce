// What the backends take: a kernel that refuses what it took before is a loss that no comparison of numbers
// shows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

#include "assay/core/isa.h"
#include "assay/registry/registry.h"
#include "assay/verify/op_site.h"
#include "support/assay_process.h"
#include "support/requirement.h"

namespace assay {
namespace {

bool has_elements(const Site& site) {
  const auto all = [](const std::vector<Port>& ports) {
    return std::ranges::all_of(ports, [](const Port& port) { return port.spec.count() > 0; });
  };
  return all(site.inputs) && all(site.outputs);
}

// "onednn f32 softmax: 21 of 62", or "eigen f32 pow: all", for every op of which the backend refuses geometries with elements, in the
// dtypes that it has.
std::set<std::string> refused_by(const Registry& registry, const std::string& name) {
  std::set<std::string> lines;
  const auto backend = registry.create_backend(name, {}, 1);
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::set<std::string> of_dtype;
    bool takes_some = false;
    for (const auto& [op_name, entry] : registry.ops.entries()) {
      const OpDef& op = registry.ops.at(op_name);
      int all = 0, refused = 0;
      for (const Case& c : op.cases) {
        const verify::OpSite applied = verify::make_op_site(registry.ops, op, c, dtype);
        const Site site = applied.site();
        if (!has_elements(site)) continue;
        ++all;
        refused += std::holds_alternative<Refusal>(backend->offer(site)) ? 1 : 0;
      }
      takes_some = takes_some || refused < all;
      if (refused == 0) continue;
      const std::string much = refused == all ? "all" : fmt::format("{} of {}", refused, all);
      of_dtype.insert(fmt::format("{} {} {}: {}", name, name_of(dtype), op_name, much));
    }
    if (takes_some) lines.merge(of_dtype);
  }
  return lines;
}

TEST(Offers, AreWhatTheyWere) {
  Registry registry;
  register_builtin(registry);
  std::set<std::string> refused, known;
  for (const char* const backend : {"reference", "eigen", "openmp", "onednn"}) {
    ASSAY_NEEDS(registry.backends.entries().contains(backend), "backend " << backend);
    refused.merge(refused_by(registry, backend));
  }
  std::ifstream file(test::source_file("tests/verify/refused.txt"));
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') known.insert(line);
  }
  // oneDNN has other primitives on other processors, and in other versions.
  const bool same_library =
      is_supported(Isa::avx512) &&
      registry.create_backend("onednn", {}, 1)->description().starts_with("oneDNN 2.6.3 on avx512");
  if (!same_library) {
    const auto of_library = [](const std::string& line) { return line.starts_with("onednn "); };
    std::erase_if(refused, of_library);
    std::erase_if(known, of_library);
  }
  for (const std::string& line : refused)
    EXPECT_TRUE(known.contains(line)) << "refused, which tests/verify/refused.txt does not say: " << line;
  for (const std::string& line : known)
    EXPECT_TRUE(refused.contains(line)) << "not so any more, strike it from tests/verify/refused.txt: " << line;
}

}  // namespace
}  // namespace assay
