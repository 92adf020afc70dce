// The harness as a library: what the README shows, and what it says of claims and of selections.
#include <gtest/gtest.h>

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

TEST(VerifyOps, NothingSelectedIsNoSuccess) {
  Registry registry;
  register_builtin(registry);
  const verify::Report report = verify::verify_ops(registry, {.select = "no such check", .ops = {"neg"}});
  EXPECT_FALSE(report);
  EXPECT_EQ(report.checks().size(), 0u);
}

}  // namespace
}  // namespace assay
