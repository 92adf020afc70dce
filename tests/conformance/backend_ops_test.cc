// Every op that a backend offers, on every registered geometry, in f32 and f64 and on every instruction set:
// exact on small integers where the op is a polynomial, within a running error bound of the reference in quad
// elsewhere. One test per backend, instruction set and op.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>

#include "assay/core/isa.h"
#include "conformance/allocation_count.h"
#include "conformance/op_conformance.h"
#include "support/forced_isa.h"

namespace assay::conformance {
namespace {

TEST(AllocationCount, SeesAnAllocation) {
  if (!can_count_allocations()) GTEST_SKIP() << "malloc cannot be replaced here";
  const AllocationCount count;
  const std::vector<int> allocated(1000);
  EXPECT_EQ(count.value(), 1) << allocated.size();
}

using testing::ForcedIsa;

struct Subject {
  std::string backend;
  Isa isa;
  std::string op;
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.op << " on " << subject.backend << ", " << name_of(subject.isa);
}

class BackendOps : public ::testing::TestWithParam<Subject> {};

TEST_P(BackendOps, AgreeOnEveryGeometry) {
  const auto& [name, isa, op_name] = GetParam();
  const ForcedIsa forced(isa);
  const std::unique_ptr<Backend> backend = builtin().create_backend(name, {}, 1);
  const OpDef& op = builtin().ops.at(op_name);
  int offered = 0, exact = 0, bounded = 0;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::uint64_t seed = 1;
    for (const Case& c : op.cases) {
      const auto verdict = check_case(*backend, op, c, dtype, seed++);
      if (!verdict) continue;
      ++offered;
      exact += verdict->exact ? 1 : 0;
      bounded += verdict->bounded ? 1 : 0;
      EXPECT_TRUE(verdict->exact || verdict->bounded)
          << "no verdict: " << c.label << " in " << name_of(dtype);
      EXPECT_EQ(verdict->finding, "") << c.label << " in " << name_of(dtype);
    }
  }
  RecordProperty("offered", offered);
  RecordProperty("exact", exact);
  RecordProperty("bounded", bounded);
}

// A backend whose description names no instruction set is tested once.
std::vector<Isa> instruction_sets(const std::string& backend) {
  std::vector<Isa> isas;
  for (const Isa isa : all_isas()) {
    if (!is_supported(isa)) continue;
    const ForcedIsa forced(isa);
    const std::string description = builtin().create_backend(backend, {}, 1)->description();
    if (description.find(name_of(isa)) != std::string::npos) isas.push_back(isa);
  }
  if (isas.empty()) isas.push_back(Isa::baseline);
  return isas;
}

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const std::string& backend : builtin().backends.names()) {
    if (backend == "reference") continue;
    for (const Isa isa : instruction_sets(backend)) {
      for (const std::string& op : builtin().ops.names()) {
        if (!builtin().ops.at(op).cases.empty()) all.push_back({backend, isa, op});
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, BackendOps, ::testing::ValuesIn(subjects()), [](const auto& info) {
  return fmt::format("{}_{}_{}", info.param.backend, name_of(info.param.isa), info.param.op);
});

}  // namespace
}  // namespace assay::conformance
