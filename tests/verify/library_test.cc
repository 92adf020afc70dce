// The harness as a library: what the README shows, and that it fails where something is wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "assay/graph/differentiate.h"
#include "assay/registry/activation.h"
#include "assay/verify/conformance.h"

namespace assay {
namespace {

TEST(Softplus, IsProven) {
  assay::Registry registry;
  assay::register_builtin(registry);
  const assay::verify::Report report = assay::verify::verify_ops(registry, {.ops = {"softplus"}});
  EXPECT_TRUE(report) << report;
}

TEST(VerifyOps, ProvesAnActivationOfOneLambda) {
  Registry registry;
  register_builtin(registry);
  registry.add_activation("swish", [](auto x) { return x * sigmoid(x); });
  const verify::Report report = verify::verify_ops(registry, {.ops = {"swish", "swish_grad"}});
  EXPECT_TRUE(report) << report;
  EXPECT_NE(report.summary().find("2 ops, 1 backend"), std::string::npos) << report.summary();
}

TEST(VerifyOps, CatchesAWrongDerivativeRule) {
  Registry registry;
  register_builtin(registry);
  registry.ops.find("mul")->derivative = [](Vjp& d) { d.add(0, d.cotangent()); };
  const verify::Report report = verify::verify_ops(registry, {.ops = {"mul"}, .tier = verify::Tier::smoke});
  EXPECT_FALSE(report);
  EXPECT_NE(report.to_string().find("FAILED D mul"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesAnOpWithoutWhatItClaims) {
  Registry registry;
  register_builtin(registry);
  registry.ops.find("sub")->neutral = {{0, 0.0}};  // 0 − b is no b
  registry.ops.find("exp")->polynomial = true;
  const verify::Report report = verify::verify_ops(
      registry, {.ops = {"sub", "exp"}, .backends = {"reference"}, .tier = verify::Tier::smoke});
  EXPECT_FALSE(report);
  EXPECT_NE(report.to_string().find("FAILED M sub reference f64 input 0 neutral at 0"), std::string::npos)
      << report;
  EXPECT_NE(report.to_string().find("FAILED E exp reference"), std::string::npos) << report;
}

// −x, but for one element.
class OneElementOff final : public Backend {
 public:
  std::string_view name() const noexcept override { return "faulty"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "neg") return Refusal{"only neg"};
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    const std::int64_t n = site.input(0).count();
    return make_plan("faulty.neg", [n](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i) io.out<float>(0)[i] = -io.in<float>(0)[i];
      if (n > 3) io.out<float>(0)[3] = std::nextafter(io.out<float>(0)[3], 10.0f);
    });
  }
};

TEST(VerifyOps, CatchesOneUlpInOneElement) {
  Registry registry;
  register_builtin(registry);
  BackendDef faulty;
  faulty.name = "faulty";
  faulty.create = [](const BackendContext&) { return std::make_unique<OneElementOff>(); };
  registry.add_backend(std::move(faulty));
  const verify::Report report = verify::verify_ops(registry, {.ops = {"neg"}, .backends = {"faulty"}});
  EXPECT_FALSE(report);
  EXPECT_NE(report.to_string().find("FAILED E neg faulty f32"), std::string::npos) << report;
  EXPECT_NE(report.to_string().find("from [3] to [3]"), std::string::npos) << report;
}

TEST(VerifyOps, NothingSelectedIsNoSuccess) {
  Registry registry;
  register_builtin(registry);
  const verify::Report report = verify::verify_ops(registry, {.select = "no such check", .ops = {"neg"}});
  EXPECT_FALSE(report);
  EXPECT_EQ(report.checks().size(), 0u);
}

}  // namespace
}  // namespace assay
