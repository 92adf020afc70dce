// Plans that compute by another formula than their op's are judged by the errors of that formula.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "assay/core/isa.h"
#include "assay/verify/conformance.h"
#include "backends/reference/winograd.h"
#include "support/requirement.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

// F(2, 3), as the literature has it.
const MinimalFiltering kFiltering{2, {0, 1, -1}};

/// What a backend does, and what its plans say of it.
struct Filtering {
  Algebra computes = winograd(kFiltering);
  Algebra declares = winograd(kFiltering);
  bool damaged = false;  ///< one element of the result is off by a part in 4096
};

// Convolutions and their derivatives by minimal filtering.
class FilteringBackend final : public Backend {
 public:
  explicit FilteringBackend(Filtering filtering) : filtering_(std::move(filtering)) {}
  std::string_view name() const noexcept override { return "filtering"; }
  Offer offer(const Site& site) const override {
    if (site.ops.size() != 1 || !site.op().name.starts_with("conv2d")) return Refusal{"only convolutions"};
    const std::shared_ptr<const Kernel> kernel = filtering_.computes.formula(site);
    if (!kernel) return Refusal{"no minimal filtering of this geometry"};
    const bool damaged = filtering_.damaged && site.input(0).dtype == DType::f32 && site.output().count() > 1;
    Plan plan = make_plan("filtering." + site.op().name, [kernel, damaged](const Io& io) {
      kernel->run(io);
      if (damaged) io.out<float>(0)[1] *= 1 + 0x1p-12f;
    });
    plan.accuracy.algebra = filtering_.declares;
    return plan;
  }

 private:
  Filtering filtering_;
};

verify::Report judge(const Filtering& filtering) {
  Registry registry;
  register_builtin(registry);
  BackendDef def;
  def.name = "filtering";
  def.create = [filtering](const BackendContext&) { return std::make_unique<FilteringBackend>(filtering); };
  registry.add_backend(std::move(def));
  return verify::verify_ops(registry, {.ops = {"conv2d", "conv2d_grad_input", "conv2d_grad_weight"},
                                       .backends = {"filtering"},
                                       .oracles = {verify::Oracle::exact, verify::Oracle::lockstep}});
}

TEST(RewrittenAlgebra, KeepsTheBoundOfItsOwnFormula) {
  const verify::Report report = judge({});
  EXPECT_TRUE(report) << report;
  int judged = 0;
  for (const verify::Check& check : report.checks()) {
    if (check.status != verify::Status::passed) continue;
    EXPECT_EQ(check.basis, "running error bound of winograd") << check.id();
    judged += check.ratio > 0 ? 1 : 0;
  }
  EXPECT_GT(judged, 100);
}

// The backends' own, which are tried beside the default ones: small geometries, and those that threads share.
class RewritingBackend : public ::testing::TestWithParam<std::string> {};

TEST_P(RewritingBackend, IsJudged) {
  Registry registry;
  register_builtin(registry);
  ASSAY_NEEDS(registry.backends.find(GetParam()) != nullptr, GetParam() << " in this build");
  if (GetParam() == "onednn" && !is_supported(Isa::avx512))
    GTEST_SKIP() << "without AVX-512, oneDNN has no winograd in f32";
  for (const std::string op : {"conv2d", "conv2d_grad_input", "conv2d_grad_weight"}) {
    const verify::Report report = verify::verify_ops(
        registry,
        {.select = "winograd", .ops = {op}, .backends = {GetParam()}, .oracles = {verify::Oracle::lockstep}});
    EXPECT_TRUE(report) << report;
    EXPECT_GE(report.count(verify::Status::passed), 8) << op;
    EXPECT_TRUE(std::ranges::any_of(report.checks(), [](const verify::Check& check) {
      return check.id().find("times as long, winograd") != std::string::npos;
    })) << op;
  }
}

INSTANTIATE_TEST_SUITE_P(Builtin, RewritingBackend, ::testing::Values("onednn", "openmp"),
                         [](const auto& info) { return info.param; });

TEST(RewrittenAlgebra, UndeclaredIsInexactOnIntegers) {
  const verify::Report report = judge({.declares = {}});
  EXPECT_THAT(report.to_string(), HasSubstr("FAILED E conv2d filtering f32"));
}

TEST(RewrittenAlgebra, WrongElementIsFound) {
  const verify::Report report = judge({.damaged = true});
  EXPECT_THAT(report.to_string(), HasSubstr("FAILED L conv2d filtering f32"));
  EXPECT_THAT(report.to_string(), HasSubstr("FAILED L conv2d_grad_input filtering f32"));
  EXPECT_THAT(report.to_string(), HasSubstr("FAILED L conv2d_grad_weight filtering f32"));
}

TEST(RewrittenAlgebra, WithoutFormulaIsNotJudged) {
  Algebra nameless;
  nameless.name = "unheard of";
  const verify::Report report = judge({.declares = nameless});
  EXPECT_EQ(report.count(verify::Status::passed), 0u);
  EXPECT_THAT(report.summary(), HasSubstr("NOT JUDGED"));
}

// A formula with large errors of its own excuses nothing unless it is the op's.
TEST(RewrittenAlgebra, FormulaOfAnotherFunctionIsRefused) {
  Algebra other = winograd(kFiltering);
  other.formula = [right = other.formula](const Site& site) -> KernelPtr {
    KernelPtr own = right(site);
    if (!own || site.input(0).dtype != DType::bound32) return own;
    return make_kernel([kernel = std::shared_ptr(std::move(own)), n = site.output().count()](const Io& io) {
      kernel->run(io);
      for (std::int64_t i = 0; i < n; ++i) io.out<Bound32>(0)[i] *= Bound32(2);
    });
  };
  const verify::Report report = judge({.declares = other});
  EXPECT_THAT(report.to_string(), HasSubstr("the formula of 'winograd' is not that of op 'conv2d'"));
}

}  // namespace
}  // namespace assay
