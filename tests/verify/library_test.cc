// The harness as a library: what the README shows, and that it fails where something is wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <memory>

#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/reduce.h"
#include "assay/registry/activation.h"
#include "assay/verify/conformance.h"
#include "assay/verify/crash.h"

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

using Negate = void (*)(const float* x, float* y, std::int64_t count, int threads);

// −x, as `negate` does it.
class Negation final : public Backend {
 public:
  Negation(Negate negate, int threads) : negate_(negate), threads_(threads) {}
  std::string_view name() const noexcept override { return "faulty"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "neg") return Refusal{"only neg"};
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return make_plan("faulty.neg", [*this, n = site.input(0).count()](const Io& io) {
      negate_(io.in<float>(0), io.out<float>(0), n, threads_);
    });
  }

 private:
  Negate negate_;
  int threads_;
};

std::string report_on(Negate negate, bool same_bits = true) {
  Registry registry;
  register_builtin(registry);
  BackendDef faulty;
  faulty.name = "faulty";
  faulty.create = [negate](const BackendContext& context) {
    return std::make_unique<Negation>(negate, context.threads);
  };
  faulty.same_bits_on_any_threads = same_bits;
  registry.add_backend(std::move(faulty));
  const verify::Report report = verify::verify_ops(registry, {.ops = {"neg"}, .backends = {"faulty"}});
  return report ? "" : report.to_string();
}

void expect_caught_by(char oracle, const std::string& report) {
  EXPECT_NE(report.find(std::string("FAILED ") + oracle + " neg faulty f32"), std::string::npos) << report;
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

// c = a ∘ b as a backend "faulty" has it; `compute` is given the extents of the output and of b.
using Compute = void (*)(const float* a, const float* b, float* c, std::int64_t count, std::int64_t of_b);

class Pairs final : public Backend {
 public:
  explicit Pairs(Compute compute) : compute_(compute) {}
  std::string_view name() const noexcept override { return "faulty"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "mul" || site.input(0) != site.output()) return Refusal{"only mul of a whole a"};
    if (site.input(1) != site.output() && site.input(1).count() != 1) return Refusal{"only a scalar b"};
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return make_plan("faulty.mul",
                     [c = compute_, n = site.output().count(), m = site.input(1).count()](const Io& io) {
                       c(io.in<float>(0), io.in<float>(1), io.out<float>(0), n, m);
                     });
  }

 private:
  Compute compute_;
};

// Where a scalar is broadcast, and in large tensors alone: other code than that of the largest geometry.
TEST(VerifyOps, CatchesWhatIsWrongInLargeTensorsOfOneKindAlone) {
  Registry registry;
  register_builtin(registry);
  BackendDef faulty;
  faulty.name = "faulty";
  faulty.create = [](const BackendContext&) {
    return std::make_unique<Pairs>(
        [](const float* a, const float* b, float* c, std::int64_t n, std::int64_t m) {
          for (std::int64_t i = 0; i < n; ++i) c[i] = a[i] * b[m == 1 ? 0 : i];
          if (m == 1 && n > 16384) c[n - 1] = 0.0f;
        });
  };
  registry.add_backend(std::move(faulty));
  const verify::Report report = verify::verify_ops(registry, {.ops = {"mul"}, .backends = {"faulty"}});
  EXPECT_NE(report.to_string().find("FAILED L mul faulty f32 scalar on the right"), std::string::npos)
      << report;
}

// C = A B of two plain matrices, the last element of which is lost where both have many.
class Products final : public Backend {
 public:
  std::string_view name() const noexcept override { return "faulty"; }
  Offer offer(const Site& site) const override {
    const bool plain = site.op().name == "matmul" && site.input(0).shape.rank() == 2 &&
                       site.input(1).shape.rank() == 2 && !site.fields().boolean("transpose_a") &&
                       !site.fields().boolean("transpose_b");
    if (!plain || site.input(0).dtype != DType::f32) return Refusal{"only plain products of f32"};
    const std::int64_t m = site.output().shape[0], n = site.output().shape[1], k = site.input(0).shape[1];
    return make_plan("faulty.matmul", [=](const Io& io) {
      float* const c = io.out<float>(0);
      for (std::int64_t i = 0; i < m * n; ++i) {
        c[i] = 0.0f;
        for (std::int64_t j = 0; j < k; ++j)
          c[i] += io.in<float>(0)[i / n * k + j] * io.in<float>(1)[j * n + i % n];
      }
      if (m > 256 && n > 256) c[m * n - 1] = 0.0f;
    });
  }
};

TEST(VerifyOps, CatchesWhatIsWrongInProductsOfManyRowsAndColumnsAlone) {
  Registry registry;
  register_builtin(registry);
  BackendDef faulty;
  faulty.name = "faulty";
  faulty.create = [](const BackendContext&) { return std::make_unique<Products>(); };
  registry.add_backend(std::move(faulty));
  const verify::Report report = verify::verify_ops(
      registry, {.select = "\"times as broad\"", .ops = {"matmul"}, .backends = {"faulty"}});
  EXPECT_NE(report.to_string().find("FAILED E matmul faulty"), std::string::npos) << report;
}

void max_from(const Io& io, std::int64_t n, float first) {
  float largest = first;
  for (std::int64_t i = 0; i < n; ++i)
    largest = io.in<float>(0)[i] > largest || std::isnan(io.in<float>(0)[i]) ? io.in<float>(0)[i] : largest;
  *io.out<float>(0) = largest;
}

class Maximum final : public Backend {
 public:
  explicit Maximum(float first) : first_(first) {}
  std::string_view name() const noexcept override { return "faulty"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "max" || site.output().count() != 1) return Refusal{"only the maximum of all"};
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return make_plan("faulty.max",
                     [n = site.input(0).count(), first = first_](const Io& io) { max_from(io, n, first); });
  }

 private:
  float first_;
};

std::string report_on_maximum_from(float first) {
  Registry registry;
  register_builtin(registry);
  BackendDef faulty;
  faulty.name = "faulty";
  faulty.create = [first](const BackendContext&) { return std::make_unique<Maximum>(first); };
  registry.add_backend(std::move(faulty));
  return verify::verify_ops(registry, {.select = "not R", .ops = {"max"}, .backends = {"faulty"}})
      .to_string();
}

TEST(VerifyOps, CatchesAMaximumThatIsNeverLessThanTheLeastNumber) {
  const std::string report = report_on_maximum_from(std::numeric_limits<float>::lowest());
  EXPECT_NE(report.find("FAILED L max faulty f32"), std::string::npos) << report;
  EXPECT_NE(report.find("want -inf"), std::string::npos) << report;
}

// Kernels may divide by a count or multiply by its reciprocal.
class Mean final : public Backend {
 public:
  std::string_view name() const noexcept override { return "other"; }
  Offer offer(const Site& site) const override {
    if (site.op().name != "mean" || site.output().count() != 1) return Refusal{"only the mean of all"};
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return make_plan("other.mean", [n = site.input(0).count()](const Io& io) {
      float sum = 0.0f;
      for (std::int64_t i = 0; i < n; ++i) sum += io.in<float>(0)[i];
      *io.out<float>(0) = sum * (1.0f / static_cast<float>(n));
    });
  }
};

TEST(VerifyOps, PassesAMeanByAReciprocal) {
  Registry registry;
  register_builtin(registry);
  BackendDef other;
  other.name = "other";
  other.create = [](const BackendContext&) { return std::make_unique<Mean>(); };
  registry.add_backend(std::move(other));
  const verify::Report report = verify::verify_ops(registry, {.ops = {"mean"}, .backends = {"other"}});
  EXPECT_TRUE(report) << report;
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

// A kernel that takes the process down.
TEST(VerifyOpsDeathTest, NamesTheOpThatCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto crash = [] {
    verify::name_what_crashes(1);
    report_on([](const float*, float*, std::int64_t, int) { std::raise(SIGSEGV); });
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(1), "FAILED E neg faulty f32 vector of.*crashed .SIGSEGV.");
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
