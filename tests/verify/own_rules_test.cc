// That the harness fails where what defines an op is wrong, on every backend alike: derivative rules,
// expansions, the reference's own kernel, and the settings of optimizers.
#include <gtest/gtest.h>

#include <functional>

#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/reduce.h"
#include "assay/program/generic_kernel.h"
#include "assay/verify/components.h"
#include "assay/verify/conformance.h"

namespace assay {
namespace {

TEST(VerifyOps, CatchesAWrongDerivativeRule) {
  Registry registry;
  register_builtin(registry);
  registry.ops.find("mul")->derivative = [](Vjp& d) { d.add(0, d.cotangent()); };
  const verify::Report report = verify::verify_ops(registry, {.ops = {"mul"}, .tier = verify::Tier::smoke});
  EXPECT_FALSE(report);
  EXPECT_NE(report.to_string().find("FAILED D mul"), std::string::npos) << report;
}

// What a rule of mul that does `more` than it should looks like to `oracle`.
std::string report_on_mul_with(const std::function<void(Vjp&)>& more, const std::string& oracle) {
  Registry registry;
  register_builtin(registry);
  OpDef& mul = *registry.ops.find("mul");
  mul.derivative = [right = mul.derivative, more](Vjp& d) {
    right(d);
    more(d);
  };
  return verify::verify_ops(registry, {.select = oracle, .ops = {"mul"}, .backends = {"reference"}})
      .to_string();
}

// Rules are proven in quad with every derivative wanted; what they do otherwise is their affair, too.
TEST(VerifyOps, CatchesARuleThatIsWrongWhereOneDerivativeIsWanted) {
  const std::string report = report_on_mul_with(
      [](Vjp& d) {
        if (!d.wanted(0)) d.add(1, d.cotangent());
      },
      "D");
  EXPECT_NE(report.find("FAILED D mul quad each alone"), std::string::npos) << report;
}

// As in a first layer, whose data want none.
TEST(VerifyOps, CatchesARuleThatIsWrongWhereOneDerivativeIsNot) {
  Registry registry;
  register_builtin(registry);
  OpDef& linear = *registry.ops.find("linear");
  linear.derivative = [right = linear.derivative](Vjp& d) {
    right(d);
    if (!d.wanted(0) && d.wanted(1) && d.input_count() == 3 && d.wanted(2)) d.add(2, d.input(2));
  };
  const verify::Report report =
      verify::verify_ops(registry, {.select = "D", .ops = {"linear"}, .backends = {"reference"}});
  EXPECT_NE(report.to_string().find("without input 0"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesARuleThatIsAnotherOneInF32) {
  const std::string report = report_on_mul_with(
      [](Vjp& d) {
        if (d.cotangent().dtype() == DType::f32) d.add(0, d.cotangent());
      },
      "M");
  EXPECT_NE(report.find("FAILED M mul quad every dtype"), std::string::npos) << report;
}

// An op of the test's own, y = x of any dtype, and its definition on real numbers.
OpDef copy_op() {
  OpDef copy;
  copy.name = "copy";
  copy.inputs = {"x"};
  copy.outputs = {"y"};
  copy.infer = [](const Call& call) -> std::vector<Spec> { return {call.inputs[0]}; };
  copy.derivative = [](Vjp& d) { d.add(0, d.cotangent()); };
  copy.cases = {{"rows", {{Shape{7, 11}}}}, {"vector", {{Shape{5}}}}};
  return copy;
}
// Twice x from element `end` on.
template <class T>
auto copy_kernel(const Site& site, std::int64_t end) {
  return [n = site.input(0).count(), end](const Io& io) {
    for (std::int64_t i = 0; i < n; ++i)
      io.out<T>(0)[i] = i < end ? io.in<T>(0)[i] : static_cast<T>(io.in<T>(0)[i] + io.in<T>(0)[i]);
  };
}
std::string report_on_copies(const OfferRule& rule) {
  Registry registry;
  register_builtin(registry);
  registry.add_op(copy_op());
  registry.add_kernel("reference", "copy", rule);
  return verify::verify_ops(registry, {.ops = {"copy"}, .backends = {"reference"}}).to_string();
}

TEST(VerifyOps, CatchesADefinitionThatIsWrongAmongManyRows) {
  const std::string report = report_on_copies(
      for_every_scalar([]<class T>(const Site& site) { return copy_kernel<T>(site, 5000); }));
  EXPECT_NE(report.find("FAILED M copy reference quad rows"), std::string::npos) << report;
  EXPECT_NE(report.find("FAILED D copy quad rows"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesIntegersThatAreMovedWrongly) {
  const auto real = for_every_scalar([]<class T>(const Site& site) { return copy_kernel<T>(site, 1000000); });
  const std::string report = report_on_copies([real](const Site& site) -> Offer {
    if (site.input(0).dtype != DType::i32) return real(site);
    return make_plan("reference.copy", copy_kernel<std::int32_t>(site, 76));
  });
  EXPECT_NE(report.find("FAILED E copy reference i32 integers"), std::string::npos) << report;
}

TEST(VerifyComponents, CatchesASettingThatAnOptimizerIgnores) {
  Registry registry;
  register_builtin(registry);
  OptimizerDef& sgd = *registry.optimizers.find("sgd");
  sgd.update = [](UpdateBuilder& build) {
    build.update(build.parameter(), sub(build.parameter(), mul(build.learning_rate(), build.gradient())));
  };
  const std::string report = verify::verify_components(registry, {.select = "sgd and settings"}).to_string();
  EXPECT_NE(report.find("FAILED M optimizer sgd quad settings\n  'momentum' changes nothing"),
            std::string::npos)
      << report;
}

TEST(VerifyOps, CatchesAnExpansionThatOverflows) {
  Registry registry;
  register_builtin(registry);
  registry.ops.find("softmax")->expand = [](std::span<const Value> in, const Fields& fields) {
    const Value e = exp(in[0]);
    return std::vector<Value>{div(e, sum(e, {fields.integer("axis")}, /*keep=*/true))};
  };
  const verify::Report report =
      verify::verify_ops(registry, {.select = "expansion", .ops = {"softmax"}, .backends = {"reference"}});
  EXPECT_NE(report.to_string().find("FAILED G softmax quad expansion"), std::string::npos) << report;
}

}  // namespace
}  // namespace assay
