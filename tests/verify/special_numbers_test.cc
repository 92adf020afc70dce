// That the harness fails where a kernel loses NaN, infinity or the ends of the format.
#include <cmath>
#include <limits>

#include "verify/own_backend.h"

namespace assay::test {
namespace {

TEST(VerifyOps, CatchesALostNaN) {
  expect_caught_by('L', report_on([](const float* x, float* y, std::int64_t count, int) {
                     for (std::int64_t i = 0; i < count; ++i) y[i] = std::isnan(x[i]) ? 0.0f : -x[i];
                   }));
}

TEST(VerifyOps, CatchesSubnormalNumbersThatAreFlushed) {
  expect_caught_by('L', report_on([](const float* x, float* y, std::int64_t count, int) {
                     for (std::int64_t i = 0; i < count; ++i)
                       y[i] = std::fpclassify(x[i]) == FP_SUBNORMAL ? 0.0f : -x[i];
                   }));
}

TEST(VerifyOps, CatchesAMaximumThatIsNeverLessThanTheLeastNumber) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.op().name != "max" || site.output().count() != 1) return Refusal{"only the maximum of all"};
    return make_plan("own.max", [n = site.input(0).count()](const Io& io) {
      float largest = std::numeric_limits<float>::lowest();
      for (std::int64_t i = 0; i < n; ++i) {
        const float x = io.in<float>(0)[i];
        if (x > largest || std::isnan(x)) largest = x;
      }
      *io.out<float>(0) = largest;
    });
  };
  const std::string report = report_on(offer, {.select = "not R", .ops = {"max"}}).to_string();
  EXPECT_NE(report.find("FAILED L max own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("want -inf"), std::string::npos) << report;
}

// y = f(x) of one op alone, as `compute` does it.
std::string report_on_function(const std::string& op, float (*compute)(float), const std::string& select) {
  const auto offer = [&](const Site& site, int) -> Offer {
    if (site.op().name != op) return Refusal{"only " + op};
    Plan plan = make_plan("own." + op, [compute, n = site.input(0).count()](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i) io.out<float>(0)[i] = compute(io.in<float>(0)[i]);
    });
    plan.accuracy.ulp = 2.0;
    return plan;
  };
  return report_on(offer, {.select = select, .ops = {op}}).to_string();
}

TEST(VerifyOps, CatchesAFunctionThatLosesNaN) {
  const std::string report = report_on_function(
      "exp", [](float x) { return std::isnan(x) ? 0.0f : std::exp(x); }, "L");
  EXPECT_NE(report.find("FAILED L exp own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("want nan"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesAFunctionThatIsFiniteAtInfinity) {
  const std::string report = report_on_function(
      "exp", [](float x) { return std::isinf(x) && x > 0 ? std::exp(88.0f) : std::exp(x); }, "L");
  EXPECT_NE(report.find("FAILED L exp own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("want inf"), std::string::npos) << report;
}

// max(0, x) as a processor's maximum has it, whose second operand is what it gives where there is a NaN.
std::string report_on_relu(bool declared) {
  const auto offer = [declared](const Site& site, int) -> Offer {
    if (site.op().name != "relu") return Refusal{"only relu"};
    Plan plan = make_plan("own.relu", [n = site.output().count()](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i)
        io.out<float>(0)[i] = io.in<float>(0)[i] > 0 ? io.in<float>(0)[i] : 0;
    });
    plan.accuracy.keeps_nan = !declared;
    return plan;
  };
  return report_on(offer, {.select = "L", .ops = {"relu"}}).to_string();
}

TEST(VerifyOps, CatchesAReluThatLosesNaN) {
  const std::string report = report_on_relu(false);
  EXPECT_NE(report.find("FAILED L relu own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("got 0, want nan"), std::string::npos) << report;
}

TEST(VerifyOps, PassesAReluThatSaysThatItLosesNaN) {
  const std::string report = report_on_relu(true);
  EXPECT_EQ(report.find("FAILED"), std::string::npos) << report;
}

// What has to look at x once more cannot lie over it.
TEST(VerifyOps, CatchesNaNsThatAreLostInPlace) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.op().name != "abs") return Refusal{"only abs"};
    Plan plan = make_plan("own.abs", [n = site.output().count()](const Io& io) {
      const float* const x = io.in<float>(0);
      float* const y = io.out<float>(0);
      for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : x[i] < 0 ? -x[i] : 0.0f;
      for (std::int64_t i = 0; i < n; ++i) y[i] = std::isnan(x[i]) ? x[i] : y[i];
    });
    plan.in_place = {{0, 0}};
    return plan;
  };
  const std::string report = report_on(offer, {.select = "P or L", .ops = {"abs"}}).to_string();
  EXPECT_NE(report.find("FAILED P abs own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("with NaN among the inputs, output 0 over input 0 changes the result"),
            std::string::npos)
      << report;
}

}  // namespace
}  // namespace assay::test
