// The accuracy sweep: every backend keeps what it declares of its functions, on every instruction set; and a
// declaration that is not kept is found.
#include "assay/verify/contracts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "assay/registry/activation.h"
#include "backends/eigen/accuracy.h"
#include "backends/onednn/accuracy.h"
#include "backends/openmp/accuracy.h"
#include "support/forced_isa.h"
#include "support/requirement.h"

namespace assay {
namespace {

// A prime, so that every exponent meets many significands.
constexpr std::uint64_t kCoarseStride = 65521;

const verify::FunctionError* find_row(const verify::ContractReport& report, std::string_view backend,
                                      std::string_view op, std::string_view fields) {
  const auto row = std::ranges::find_if(report.rows, [&](const verify::FunctionError& r) {
    return r.subject.backend == backend && r.subject.op == op &&
           r.subject.geometry.find(fields) != std::string::npos && r.refusal.empty();
  });
  return row == report.rows.end() ? nullptr : &*row;
}

class Contracts : public ::testing::TestWithParam<Isa> {};

TEST_P(Contracts, AreKept) {
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << name_of(GetParam());
  const test::ForcedIsa forced(GetParam());
  Registry registry;
  register_builtin(registry);
  const verify::ContractReport report = verify::verify_contracts(registry, {.stride = kCoarseStride});
  EXPECT_TRUE(report.checks) << report.checks;
}

INSTANTIATE_TEST_SUITE_P(, Contracts, ::testing::ValuesIn(all_isas().begin(), all_isas().end()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// Every row of the backends' tables is what a plan declares, and is swept.
TEST(ContractTables, AreSwept) {
  Registry registry;
  register_builtin(registry);
  // A handful of arguments: the declarations are what is looked at.
  const verify::ContractReport report =
      verify::verify_contracts(registry, {.dtypes = {DType::f32}, .stride = std::uint64_t{1} << 26});
  const auto expect_declared = [&](std::string_view backend, std::string_view op, std::string_view fields,
                                   double ulp, double absolute) {
    if (registry.backends.find(backend) == nullptr) return;
    const verify::FunctionError* row = find_row(report, backend, op, fields);
    ASSERT_NE(row, nullptr) << backend << " " << op;
    EXPECT_EQ(row->declared.ulp, ulp) << backend << " " << op;
    EXPECT_EQ(row->declared.absolute, absolute) << backend << " " << op;
  };
  for (const auto& row : eigen::kContractsF32) expect_declared("eigen", row.op, "", row.ulp, row.absolute);
  for (const auto& row : openmp::kContractsF32)
    expect_declared("openmp", row.op, row.form, row.ulp, row.absolute);
  for (const auto& row : onednn::kContracts) {
    // Code for processors older than AVX2 is refused where it is too inaccurate.
    if (onednn::needs_fused_multiply_add(row.op) && find_row(report, "onednn", row.op, "") == nullptr)
      continue;
    expect_declared("onednn", row.op, "", row.ulp, row.absolute);
  }
}

// What is known to break the rule is refused, with the reason.
TEST(Defects, AreRefused) {
  Registry registry;
  register_builtin(registry);
  ASSAY_NEEDS(registry.backends.find("onednn") != nullptr, "onednn in this build");
  const verify::ContractReport report = verify::verify_contracts(
      registry, {.backends = {"onednn"}, .dtypes = {DType::f32}, .stride = std::uint64_t{1} << 26});
  for (const onednn::Defect& defect : onednn::kDefects) {
    if (defect.op == "log_softmax") continue;  // no function of one variable
    const auto row = std::ranges::find_if(
        report.rows, [&](const verify::FunctionError& r) { return r.subject.op == defect.op; });
    ASSERT_NE(row, report.rows.end()) << defect.op;
    EXPECT_EQ(row->refusal, defect.reason) << defect.op;
  }
}

// The reference, but declaring half an ulp for everything.
class Overconfident final : public Backend {
 public:
  explicit Overconfident(std::unique_ptr<Backend> reference) : reference_(std::move(reference)) {}
  std::string_view name() const noexcept override { return "overconfident"; }
  Offer offer(const Site& site) const override {
    Offer offer = reference_->offer(site);
    if (Plan* plan = std::get_if<Plan>(&offer)) plan->accuracy.ulp = 0.5;
    return offer;
  }

 private:
  std::unique_ptr<Backend> reference_;
};

TEST(VerifyContracts, FindsADeclarationThatIsNotKept) {
  Registry registry;
  register_builtin(registry);
  registry.add_backend({.name = "overconfident",
                        .summary = "declares too much",
                        .create = [](const BackendContext& context) -> std::unique_ptr<Backend> {
                          return std::make_unique<Overconfident>(context.create("reference"));
                        }});
  const verify::ContractReport report = verify::verify_contracts(
      registry, {.ops = {"sigmoid", "sqrt"}, .backends = {"overconfident"}, .stride = kCoarseStride});
  EXPECT_FALSE(report.checks);
  for (const verify::FunctionError& row : report.rows) {
    // A square root is correctly rounded: half an ulp is right for that.
    EXPECT_EQ(row.holds, row.subject.op == "sqrt") << row.subject.op;
  }
  EXPECT_THAT(report.checks.to_string(), ::testing::HasSubstr("FAILED C sigmoid overconfident f32"));
  EXPECT_THAT(report.checks.to_string(), ::testing::HasSubstr("0.5 ulp by contract"));
}

TEST(VerifyContracts, HoldsDeclarationsToTheRule) {
  EXPECT_EQ(verify::breach_of({.ulp = 16}, DType::f32, 1.0), "");
  EXPECT_EQ(verify::breach_of({.ulp = 4, .absolute = 0x1p-24}, DType::f32, 1.0), "");
  EXPECT_THAT(verify::breach_of({.ulp = 17}, DType::f32, 1.0), ::testing::HasSubstr("17 ulp are declared"));
  EXPECT_THAT(verify::breach_of({.ulp = 4, .absolute = 0x1p-24}, DType::f32, 0.5),
              ::testing::HasSubstr("unit roundoff of sup|f|"));
  EXPECT_NE(verify::breach_of({.ulp = 4, .absolute = 0x1p-52}, DType::f64, 1.1), "");
}

TEST(VerifyContracts, TakesFunctionsOfPlugins) {
  Registry registry;
  register_builtin(registry);
  registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
  const verify::ContractReport report = verify::verify_contracts(
      registry, {.ops = {"swish", "swish_grad"}, .dtypes = {DType::f32}, .stride = kCoarseStride});
  EXPECT_TRUE(report.checks) << report.checks;
  EXPECT_NE(find_row(report, "reference", "swish", ""), nullptr);
  EXPECT_NE(find_row(report, "reference", "swish_grad", ""), nullptr);
}

// The formula's running error bound is infinite where a step of it overflows.
TEST(VerifyContracts, FindsAValueLostToOverflow) {
  Registry registry;
  register_builtin(registry);
  registry.add_activation("overflowing", [](auto z) { return log(1 + exp(z)); });
  const verify::ContractReport report = verify::verify_contracts(
      registry, {.ops = {"overflowing"}, .backends = {"reference"}, .stride = kCoarseStride});
  EXPECT_EQ(report.rows.size(), 2u);
  for (const verify::FunctionError& row : report.rows) EXPECT_FALSE(row.holds) << name_of(row.subject.dtype);
  EXPECT_THAT(report.checks.to_string(), ::testing::HasSubstr("is inf, but should be"));
}

}  // namespace
}  // namespace assay
