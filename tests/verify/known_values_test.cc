// V: every op has a known value, and one that is wrong in its last digits is found.
#include "assay/verify/known_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "assay/verify/conformance.h"

namespace assay {
namespace {

TEST(KnownValues, AreThereForEveryOpThatKernelsCompute) {
  Registry registry;
  register_builtin(registry);
  for (const std::string& op : registry.ops.names()) {
    if (registry.ops.at(op).view) continue;
    const bool known = std::ranges::any_of(verify::known_values(), [&](const auto& v) { return v.op == op; });
    EXPECT_TRUE(known) << op;
  }
}

TEST(KnownValues, AreWhatEveryBackendComputes) {
  Registry registry;
  register_builtin(registry);
  const verify::Report report =
      verify::verify_ops(registry, {.oracles = {verify::Oracle::known}, .tier = verify::Tier::smoke});
  EXPECT_TRUE(report) << report;
}

TEST(KnownValues, FailWhereTheyAreWrong) {
  Registry registry;
  register_builtin(registry);
  const auto reference = registry.create_backend("reference", {}, 1);
  const verify::KnownValue right{
      "exp", {}, {{{1}, "0.5"}}, {{{1}, "1.6487212707001281468486508"}}, "on paper"};
  verify::KnownValue wrong = right;
  wrong.outputs[0].numbers = "1.6487212707001281469486508";
  for (const DType dtype : {DType::f32, DType::f64}) {
    EXPECT_EQ(verify::check_known(registry, *reference, *reference, right, dtype).status,
              verify::Status::passed);
    const verify::Outcome outcome = verify::check_known(registry, *reference, *reference, wrong, dtype);
    EXPECT_EQ(outcome.status, verify::Status::failed);
    EXPECT_THAT(outcome.detail, ::testing::HasSubstr("the reference in quad"));
  }
}

TEST(KnownDerivatives, FailWhereAnotherSideWasChosen) {
  Registry registry;
  register_builtin(registry);
  const auto reference = registry.create_backend("reference", {}, 1);
  const verify::KnownDerivative right{
      "maximum", {}, {{{2}, "1 2"}, {{2}, "1 3"}}, {{{2}, "4 4"}}, {{{2}, "2 0"}, {{2}, "2 4"}}};
  verify::KnownDerivative wrong = right;
  wrong.derivatives = {{{2}, "4 0"}, {{2}, "0 4"}};
  EXPECT_EQ(verify::check_known_derivative(registry, *reference, right).status, verify::Status::passed);
  const verify::Outcome outcome = verify::check_known_derivative(registry, *reference, wrong);
  EXPECT_EQ(outcome.status, verify::Status::failed);
  EXPECT_THAT(outcome.detail, ::testing::HasSubstr("the derivative by input 0 at [0] is 2"));
}

// Half of the sum that is known.
class Halved final : public Backend {
 public:
  std::string_view name() const noexcept override { return "halved"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "sum" || site.output().dtype != DType::f32) return Refusal{"only sum in f32"};
    const std::int64_t n = site.output().count();
    return make_plan("halved.sum", [n](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i) io.out<float>(0)[i] = 3.0f;
    });
  }
};

TEST(KnownValues, FindABackendThatParts) {
  Registry registry;
  register_builtin(registry);
  const auto reference = registry.create_backend("reference", {}, 1);
  const verify::KnownValue sum{
      "sum", {{"axes", std::vector<std::int64_t>{1}}}, {{{1, 3}, "1 2 3"}}, {{{1}, "6"}}, "on paper"};
  const Halved halved;
  const verify::Outcome outcome = verify::check_known(registry, *reference, halved, sum, DType::f32);
  EXPECT_EQ(outcome.status, verify::Status::failed);
  EXPECT_THAT(outcome.detail, ::testing::Not(::testing::HasSubstr("the reference")));
}

}  // namespace
}  // namespace assay
