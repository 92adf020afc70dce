// What the backends take: a kernel that refuses what it took before is a loss that no comparison of numbers
// shows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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

// "onednn f32 softmax: 21 of 62", or "eigen f32 pow: all", for every op of which the backend refuses
// geometries with elements.
std::set<std::string> refused_by(const Registry& registry, const Backend& backend, DType dtype) {
  std::set<std::string> lines;
  for (const auto& [name, entry] : registry.ops.entries()) {
    const OpDef& op = registry.ops.at(name);
    int all = 0, refused = 0;
    for (const Case& c : op.cases) {
      const verify::OpSite applied = verify::make_op_site(registry.ops, op, c, dtype);
      const Site site = applied.site();
      if (!has_elements(site)) continue;
      ++all;
      refused += std::holds_alternative<Refusal>(backend.offer(site)) ? 1 : 0;
    }
    if (refused == 0) continue;
    const std::string much = refused == all ? "all" : fmt::format("{} of {}", refused, all);
    lines.insert(fmt::format("{} {} {}: {}", backend.name(), name_of(dtype), name, much));
  }
  return lines;
}

struct Offering {
  const char* backend;
  std::vector<DType> dtypes;  // that it has
};

class Offers : public ::testing::TestWithParam<Offering> {};

TEST_P(Offers, AreWhatTheyWere) {
  Registry registry;
  register_builtin(registry);
  const auto& [name, dtypes] = GetParam();
  ASSAY_NEEDS(registry.backends.entries().contains(name), "backend " << name);
  const auto backend = registry.create_backend(name, {}, 1);
  const bool of_library = std::string_view(name) == "onednn";
  if (of_library && !backend->description().starts_with("oneDNN 2.6.3 on avx512"))
    GTEST_SKIP() << "the list is that of oneDNN 2.6.3 on AVX-512, not of " << backend->description();
  std::set<std::string> refused, known;
  for (const DType dtype : dtypes) refused.merge(refused_by(registry, *backend, dtype));
  std::ifstream file(test::source_file("tests/verify/refused.txt"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(std::string(name) + " ")) known.insert(line);
  }
  for (const std::string& line : refused)
    EXPECT_TRUE(known.contains(line)) << "refused, which tests/verify/refused.txt does not say: " << line;
  for (const std::string& line : known)
    EXPECT_TRUE(refused.contains(line))
        << "not so any more, strike it from tests/verify/refused.txt: " << line;
}

INSTANTIATE_TEST_SUITE_P(, Offers,
                         ::testing::Values(Offering{"reference", {DType::f32, DType::f64}},
                                           Offering{"eigen", {DType::f32, DType::f64}},
                                           Offering{"openmp", {DType::f32, DType::f64}},
                                           Offering{"onednn", {DType::f32}}),
                         [](const auto& one) { return std::string(one.param.backend); });

}  // namespace
}  // namespace assay
