// That the harness fails where a kernel is wrong, one way after the other, and passes what is right: kernels
// of a backend of the test's own.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "assay/verify/conformance.h"
#include "assay/verify/crash.h"

namespace assay {
namespace {

// A backend of the test's own.
class OwnBackend final : public Backend {
 public:
  using Rule = std::function<Offer(const Site&, int threads)>;
  OwnBackend(Rule rule, int threads) : rule_(std::move(rule)), threads_(threads) {}
  std::string_view name() const noexcept override { return "own"; }
  std::span<const Pattern> patterns() const override {
    static const Pattern pattern{"a product less a number", {{"mul"}, {"sub"}}};
    return {&pattern, 1};
  }
  Offer offer(const Site& site) const override {
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return rule_(site, threads_);
  }

 private:
  Rule rule_;
  int threads_;
};

verify::Report report_on(OwnBackend::Rule rule, verify::OpsOptions options, bool same_bits = true) {
  Registry registry;
  register_builtin(registry);
  BackendDef own;
  own.name = "own";
  own.create = [&](const BackendContext& context) {
    return std::make_unique<OwnBackend>(rule, context.threads);
  };
  own.same_bits_on_any_threads = same_bits;
  registry.add_backend(std::move(own));
  options.backends = {"own"};
  return verify::verify_ops(registry, options);
}

using Negate = void (*)(const float* x, float* y, std::int64_t count, int threads);

// −x, as `negate` does it.
std::string report_on(Negate negate, bool same_bits = true) {
  const verify::Report report = report_on(
      [negate](const Site& site, int threads) -> Offer {
        if (site.op().name != "neg") return Refusal{"only neg"};
        return make_plan("own.neg", [negate, threads, n = site.input(0).count()](const Io& io) {
          negate(io.in<float>(0), io.out<float>(0), n, threads);
        });
      },
      {.ops = {"neg"}}, same_bits);
  return report ? "" : report.to_string();
}

void expect_caught_by(char oracle, const std::string& report) {
  EXPECT_NE(report.find(std::string("FAILED ") + oracle + " neg own f32"), std::string::npos) << report;
}

void negate(const float* x, float* y, std::int64_t count, int) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = -x[i];
}

TEST(VerifyOps, PassesACorrectKernel) { EXPECT_EQ(report_on(negate), ""); }

TEST(VerifyOps, CatchesOneUlpInOneElement) {
  const std::string report = report_on([](const float* x, float* y, std::int64_t count, int threads) {
    negate(x, y, count, threads);
    if (count > 3) y[3] = std::nextafter(y[3], 10.0f);
  });
  expect_caught_by('E', report);
  EXPECT_NE(report.find("from [3] to [3]"), std::string::npos) << report;
}

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

TEST(VerifyOps, CatchesWhatIsWrongInLargeTensorsAlone) {
  expect_caught_by('E', report_on([](const float* x, float* y, std::int64_t count, int threads) {
                     negate(x, y, count, threads);
                     if (count > 16384) y[16384] = 0.0f;
                   }));
}

// The same bits where they are promised; else what the bound allows, and that of a negation is 0.
TEST(VerifyOps, CatchesWhatDependsOnTheNumberOfThreads) {
  const Negate on_three = [](const float* x, float* y, std::int64_t count, int threads) {
    negate(x, y, count, threads);
    if (threads == 3 && count > 0) y[0] = std::nextafter(y[0], 10.0f);
  };
  expect_caught_by('R', report_on(on_three));
  expect_caught_by('R', report_on(on_three, false));
}

TEST(VerifyOps, CatchesAnotherRoundingThatIsLeftBehind) {
  const std::string report = report_on([](const float* x, float* y, std::int64_t count, int threads) {
    negate(x, y, count, threads);
    std::fesetround(FE_UPWARD);
  });
  expect_caught_by('P', report);
  EXPECT_NE(report.find("leaves the processor changed: rounding is upward"), std::string::npos) << report;
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

// What threads do beyond their shares shows in no number that they make.
TEST(VerifyOps, CatchesWhatThreadsWriteBehindALargeTensor) {
  expect_caught_by('P', report_on([](const float* x, float* y, std::int64_t count, int threads) {
                     negate(x, y, count, threads);
                     if (threads > 1 && count > 16384) y[count] = 0.0f;
                   }));
}

TEST(VerifyOps, CatchesThreadsThatChangeALargeInput) {
  expect_caught_by('P', report_on([](const float* x, float* y, std::int64_t count, int threads) {
                     negate(x, y, count, threads);
                     if (threads > 1 && count > 16384) const_cast<float*>(x)[count / 2] = 0.0f;
                   }));
}

// a b, where b may be a scalar, and is one in large tensors alone: other code than that of the largest
// geometry.
TEST(VerifyOps, CatchesWhatIsWrongInLargeTensorsOfOneKindAlone) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.op().name != "mul" || site.input(0) != site.output()) return Refusal{"only mul of a whole a"};
    if (site.input(1) != site.output() && site.input(1).count() != 1) return Refusal{"only a scalar b"};
    return make_plan("own.mul", [n = site.output().count(), m = site.input(1).count()](const Io& io) {
      float* const c = io.out<float>(0);
      for (std::int64_t i = 0; i < n; ++i) c[i] = io.in<float>(0)[i] * io.in<float>(1)[m == 1 ? 0 : i];
      if (m == 1 && n > 16384) c[n - 1] = 0.0f;
    });
  };
  const verify::Report report = report_on(offer, {.ops = {"mul"}});
  EXPECT_NE(report.to_string().find("FAILED L mul own f32 scalar on the right"), std::string::npos) << report;
}

// C = A B of two plain matrices, the last element of which is lost where both have many, and so many terms.
std::string report_on_products(std::int64_t terms, const std::string& select) {
  const auto offer = [terms](const Site& site, int) -> Offer {
    const bool plain = site.op().name == "matmul" && site.input(0).shape.rank() == 2 &&
                       site.input(1).shape.rank() == 2 && !site.fields().boolean("transpose_a") &&
                       !site.fields().boolean("transpose_b");
    if (!plain) return Refusal{"only plain products"};
    const std::int64_t m = site.output().shape[0], n = site.output().shape[1], k = site.input(0).shape[1];
    return make_plan("own.matmul", [=](const Io& io) {
      float* const c = io.out<float>(0);
      for (std::int64_t i = 0; i < m * n; ++i) {
        c[i] = 0.0f;
        for (std::int64_t j = 0; j < k; ++j)
          c[i] += io.in<float>(0)[i / n * k + j] * io.in<float>(1)[j * n + i % n];
      }
      if (m > 256 && n > 256 && k > terms) c[m * n - 1] = 0.0f;
    });
  };
  return report_on(offer, {.select = select, .ops = {"matmul"}}).to_string();
}

TEST(VerifyOps, CatchesWhatIsWrongInProductsOfManyRowsAndColumnsAlone) {
  const std::string report = report_on_products(0, "broad and not deep");
  EXPECT_NE(report.find("FAILED E matmul own"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesWhatIsWrongInProductsOfManyTermsAsWellAlone) {
  const std::string report = report_on_products(512, "broad and deep");
  EXPECT_NE(report.find("FAILED E matmul own"), std::string::npos) << report;
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

// Kernels may divide by a count or multiply by its reciprocal.
TEST(VerifyOps, PassesAMeanByAReciprocal) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.op().name != "mean" || site.output().count() != 1) return Refusal{"only the mean of all"};
    return make_plan("own.mean", [n = site.input(0).count()](const Io& io) {
      float sum = 0.0f;
      for (std::int64_t i = 0; i < n; ++i) sum += io.in<float>(0)[i];
      *io.out<float>(0) = sum * (1.0f / static_cast<float>(n));
    });
  };
  const verify::Report report = report_on(offer, {.ops = {"mean"}});
  EXPECT_TRUE(report) << report;
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

// c = a − b of whole tensors, by compute(a, b, c, n).
template <class Compute>
std::string report_on_sub(const Compute& compute, const std::string& select) {
  const auto offer = [&](const Site& site, int) -> Offer {
    if (site.op().name != "sub" || site.input(0) != site.input(1)) return Refusal{"only sub of alike"};
    return make_plan("own.sub", [compute, n = site.output().count()](const Io& io) {
      compute(io.in<float>(0), io.in<float>(1), io.out<float>(0), n);
    });
  };
  return report_on(offer, {.select = select, .ops = {"sub"}}).to_string();
}

TEST(VerifyOps, CatchesOperandsThatMustNotBeOneBuffer) {
  const std::string report = report_on_sub(
      [](const float* a, const float* b, float* c, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) c[i] = a == b ? 0.0f : a[i] - b[i];
      },
      "P");
  EXPECT_NE(report.find("inputs 0 and 1 in one buffer change the result"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesWhatIsKeptWhereAnInputIsTheSame) {
  static std::vector<float> a_before, c_before;
  const std::string report = report_on_sub(
      [](const float* a, const float* b, float* c, std::int64_t n) {
        if (std::vector<float>(a, a + n) != a_before) {
          a_before.assign(a, a + n);
          c_before.assign(b, b + n);
          for (std::int64_t i = 0; i < n; ++i) c_before[static_cast<std::size_t>(i)] = a[i] - b[i];
        }
        std::copy(c_before.begin(), c_before.end(), c);
      },
      "P");
  EXPECT_NE(report.find("the result depends on the run before, where input 1 alone was another one"),
            std::string::npos)
      << report;
}

TEST(VerifyOps, CatchesWhatTwoProgramsShare) {
  static std::atomic<int> inside{0};
  const std::string report = report_on_sub(
      [](const float* a, const float* b, float* c, std::int64_t n) {
        bool alone = ++inside == 1;
        for (int i = 0; i < 100 && alone; ++i) {
          std::this_thread::yield();
          alone = inside == 1;
        }
        for (std::int64_t i = 0; i < n; ++i) c[i] = alone ? a[i] - b[i] : 0.0f;
        --inside;
      },
      "R");
  EXPECT_NE(report.find("two kernels at once"), std::string::npos) << report;
}

// a b − c, for c − a b too.
TEST(VerifyOps, CatchesAFusionThatTakesAnyOperandForTheFirst) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.ops.size() != 2) return Refusal{"only mul and sub"};
    for (const Port& port : site.inputs)
      if (port.spec != site.output()) return Refusal{"only of alike"};
    return make_plan("own.mul+sub", [n = site.output().count()](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i)
        io.out<float>(0)[i] = io.in<float>(0)[i] * io.in<float>(1)[i] - io.in<float>(2)[i];
    });
  };
  const std::string report = report_on(offer, {.select = "L", .ops = {"mul"}}).to_string();
  EXPECT_NE(report.find("as operand 1"), std::string::npos) << report;
  EXPECT_EQ(report.find("FAILED L mul+sub own f32"), report.rfind("FAILED L mul+sub own f32")) << report;
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

// No geometry has a negative slope.
TEST(VerifyOps, CatchesAKernelThatIsWrongAtOtherSettings) {
  const auto offer = [](const Site& site, int) -> Offer {
    if (site.op().name != "leaky_relu") return Refusal{"only leaky_relu"};
    return make_plan(
        "own.leaky_relu",
        [n = site.output().count(), slope = static_cast<float>(site.fields().number("slope"))](const Io& io) {
          for (std::int64_t i = 0; i < n; ++i)
            io.out<float>(0)[i] = std::max(io.in<float>(0)[i], std::abs(slope) * io.in<float>(0)[i]);
        });
  };
  const std::string report =
      report_on(offer, {.select = "L and slope and 0.6", .ops = {"leaky_relu"}}).to_string();
  EXPECT_NE(report.find("FAILED L leaky_relu own f32"), std::string::npos) << report;
  EXPECT_NE(report.find("slope -0.6"), std::string::npos) << report;
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

// Sums of more rows than 16 bits count.
TEST(VerifyOps, CatchesRowsThatAreCountedIn16Bits) {
  const auto offer = [](const Site& site, int) -> Offer {
    const Shape& x = site.input(0).shape;
    if (site.op().name != "sum" || x.rank() != 2 || x[0] == 0 ||
        site.fields().integers("axes") != std::vector<std::int64_t>{0})
      return Refusal{"only the sums of columns"};
    return make_plan("own.sum", [rows = static_cast<std::uint16_t>(x[0]), columns = x[1]](const Io& io) {
      for (std::int64_t c = 0; c < columns; ++c) {
        float sum = 0.0f;
        for (std::int64_t r = 0; r < rows; ++r) sum += io.in<float>(0)[r * columns + c];
        io.out<float>(0)[c] = sum;
      }
    });
  };
  const std::string report = report_on(offer, {.select = "E", .ops = {"sum"}}).to_string();
  EXPECT_NE(report.find("FAILED E sum own f32"), std::string::npos) << report;
}

// A kernel that takes the process down.
TEST(VerifyOpsDeathTest, NamesTheOpThatCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto crash = [] {
    verify::name_what_crashes(1);
    report_on([](const float*, float*, std::int64_t, int) { std::raise(SIGSEGV); });
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(1), "FAILED E neg own f32 vector of.*crashed .SIGSEGV.");
}

TEST(VerifyOpsDeathTest, NamesTheOpThatEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto end = [] {
    verify::name_what_crashes(1);
    report_on([](const float*, float*, std::int64_t, int) { std::exit(0); });
  };
  EXPECT_EXIT(end(), testing::ExitedWithCode(1), "FAILED E neg own f32 vector of.*ended the process");
}

TEST(VerifyOpsDeathTest, NamesTheOpAThreadOfWhichCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto crash = [] {
    verify::name_what_crashes(1);
    report_on(
        [](const float*, float*, std::int64_t, int) { std::thread([] { std::raise(SIGSEGV); }).join(); });
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(1), "FAILED E neg own f32 vector of.*crashed .SIGSEGV.");
}

// Deep enough for any stack, and never optimised to a loop.
int use_up_the_stack(const volatile char* before) {
  volatile char frame[4096];
  frame[0] = *before;
  if (*before != 0) return 0;  // never
  return use_up_the_stack(frame) + frame[0];
}

TEST(VerifyOpsDeathTest, NamesTheOpThatUsesUpTheStack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto crash = [] {
    verify::name_what_crashes(1);
    report_on([](const float*, float* y, std::int64_t, int) {
      const char start = 0;
      *y = static_cast<float>(use_up_the_stack(&start));
    });
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(1), "FAILED E neg own f32 vector of.*crashed .SIGSEGV.");
}

}  // namespace
}  // namespace assay
