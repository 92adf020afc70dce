// Every op that a backend offers, on every registered geometry, on the instruction sets that this processor
// has beside the one that it would choose (which `assay verify --ops` judges, as a test of its own): exact on
// integers, within the running error bound, and by the contract of kernels, allocation included.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "assay/allocation_count.h"
#include "assay/core/isa.h"
#include "assay/verify/conformance.h"
#include "assay/verify/kernel_oracles.h"
#include "conformance/builtin.h"
#include "support/forced_isa.h"
#include "support/requirement.h"

namespace assay::conformance {
namespace {

using cli::AllocationCount;
using cli::can_count_allocations;

TEST(AllocationCount, SeesAnAllocation) {
  ASSAY_NEEDS(can_count_allocations(), "malloc that can be replaced, as under no sanitizer");
  const AllocationCount count;
  const std::vector<int> allocated(1000);
  EXPECT_EQ(count.value(), 1) << allocated.size();
}

using test::ForcedIsa;

struct Subject {
  std::string backend;
  Isa isa;
  std::string op;
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.op << " on " << subject.backend << ", " << name_of(subject.isa);
}

bool offers(const std::string& backend, const std::string& op) {
  const auto made = builtin().create_backend(backend, {}, 1);
  const OpDef& def = builtin().ops.at(op);
  const std::vector<Case>& cases = def.cases;
  return std::ranges::any_of(cases, [&](const Case& c) {
    std::string refusal;
    const verify::OpSite site = verify::make_op_site(builtin().ops, def, c, DType::f32);
    return verify::bind_kernel(*made, site.site(), refusal).kernel != nullptr;
  });
}

class BackendOps : public ::testing::TestWithParam<Subject> {};

TEST_P(BackendOps, AgreeOnEveryGeometry) {
  const auto& [backend, isa, op] = GetParam();
  const bool offered = offers(backend, op);  // on this processor's own instruction set
  const ForcedIsa forced(isa);
  verify::OpsOptions options;
  options.ops = {op};
  options.backends = {backend};
  options.oracles = {verify::Oracle::exact, verify::Oracle::poison, verify::Oracle::lockstep};
  options.jobs = 1;
  const verify::Report report = verify::verify_ops(builtin(), options);
  EXPECT_EQ(report.count(verify::Status::failed), 0) << report;
  EXPECT_EQ(report.count(verify::Status::passed) > 0, offered);
}

// A backend whose description names no instruction set has none of its own.
std::vector<Isa> other_instruction_sets(const std::string& backend) {
  std::vector<Isa> isas;
  for (const Isa isa : all_isas()) {
    if (!is_supported(isa) || isa == selected_isa()) continue;
    const ForcedIsa forced(isa);
    const std::string description = builtin().create_backend(backend, {}, 1)->description();
    if (description.find(name_of(isa)) != std::string::npos) isas.push_back(isa);
  }
  return isas;
}

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const std::string& backend : builtin().backends.names()) {
    for (const Isa isa : other_instruction_sets(backend)) {
      for (const std::string& op : builtin().ops.names()) {
        if (!builtin().ops.at(op).view) all.push_back({backend, isa, op});
      }
    }
  }
  return all;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendOps);
INSTANTIATE_TEST_SUITE_P(, BackendOps, ::testing::ValuesIn(subjects()), [](const auto& info) {
  return fmt::format("{}_{}_{}", info.param.backend, name_of(info.param.isa), info.param.op);
});

// A kernel allocates nothing. oneDNN's own execute() may.
class Allocations : public ::testing::TestWithParam<std::string> {};

TEST_P(Allocations, AreNone) {
  ASSAY_NEEDS(can_count_allocations(), "malloc that can be replaced, as under no sanitizer");
  long largest = 0;
  verify::OpsOptions options;
  options.backends = {GetParam()};
  options.oracles = {verify::Oracle::poison};
  options.jobs = 1;
  options.execute = [&largest](const Kernel& kernel, const Io& io) {
    long counted = 0;
    {
      const AllocationCount count;
      kernel.run(io);
      counted = count.value();
    }
    largest = std::max(largest, counted);
  };
  const verify::Report report = verify::verify_ops(builtin(), options);
  EXPECT_TRUE(report) << report;
  EXPECT_EQ(largest, 0);
}

INSTANTIATE_TEST_SUITE_P(, Allocations, ::testing::Values("reference", "eigen", "openmp"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace assay::conformance
