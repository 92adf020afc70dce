// Which geometries every op registers, and on how many of them each backend that has the op takes it.
#include "assay/verify/coverage.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "assay/registry/registry.h"
#include "assay/verify/conformance.h"
#include "assay/verify/op_site.h"

namespace assay::verify {
namespace {

constexpr std::int64_t kGeometries = 40;

bool empty(const Case& c) {
  return std::ranges::any_of(c.inputs, [](const CaseInput& input) { return input.shape.count() == 0; });
}

// Views run no kernel; everything else is tried on at least so many geometries with elements, wherever it is
// offered at all.
TEST(Coverage, EveryOfferedCellHasFortyGeometries) {
  Registry registry;
  register_builtin(registry);
  for (const std::string& name : registry.backends.names()) {
    const std::unique_ptr<Backend> backend = registry.create_backend(name, {}, 1);
    for (const auto& [op, entry] : registry.ops.entries()) {
      if (entry.value.view) continue;
      for (const DType dtype : {DType::f32, DType::f64}) {
        std::int64_t offered = 0;
        for (const Case& c : entry.value.cases) {
          if (empty(c)) continue;
          const OpSite site = make_op_site(registry.ops, entry.value, c, dtype);
          offered += std::holds_alternative<Plan>(backend->offer(site.site())) ? 1 : 0;
        }
        if (offered > 0) {
          EXPECT_GE(offered, kGeometries) << op << " on " << name << " in " << assay::name_of(dtype);
        }
      }
    }
  }
}

TEST(Coverage, LabelsOfAnOpsGeometriesDiffer) {
  Registry registry;
  register_builtin(registry);
  for (const auto& [op, entry] : registry.ops.entries()) {
    std::set<std::string> labels;
    for (const Case& c : entry.value.cases)
      EXPECT_TRUE(labels.insert(c.label).second) << op << ": " << c.label;
  }
}

TEST(Coverage, NamesCellsThatNoBackendOffers) {
  Registry registry;
  register_builtin(registry);
  const Report report =
      verify_ops(registry, {.ops = {"where"}, .oracles = {Oracle::lockstep}, .tier = Tier::smoke});
  const Coverage coverage = coverage_of(report.checks());
  EXPECT_TRUE(coverage.at({"where", "reference", DType::f32}).offered());
  const std::string text = to_string(coverage);
  if (registry.backends.find("onednn") == nullptr) return;
  const CoverageCell& cell = coverage.at({"where", "onednn", DType::f64});
  EXPECT_FALSE(cell.offered());
  EXPECT_THAT(cell.reason(), ::testing::HasSubstr("f64"));
  EXPECT_THAT(text, ::testing::HasSubstr("not on onednn f64: every op: onednn: dtype f64"));
  EXPECT_THAT(report.to_json(), ::testing::HasSubstr("\"coverage\""));
}

}  // namespace
}  // namespace assay::verify
