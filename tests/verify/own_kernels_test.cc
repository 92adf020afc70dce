// That the harness fails where what a kernel computes is wrong, one way after the other, and passes what is
// right.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "verify/own_backend.h"

namespace assay::test {
namespace {

TEST(VerifyOps, PassesACorrectKernel) { EXPECT_EQ(report_on(negate), ""); }

TEST(VerifyOps, CatchesOneUlpInOneElement) {
  const std::string report = report_on([](const float* x, float* y, std::int64_t count, int threads) {
    negate(x, y, count, threads);
    if (count > 3) y[3] = std::nextafter(y[3], 10.0f);
  });
  expect_caught_by('E', report);
  EXPECT_NE(report.find("from [3] to [3]"), std::string::npos) << report;
}

TEST(VerifyOps, CatchesWhatIsWrongInLargeTensorsAlone) {
  expect_caught_by('E', report_on([](const float* x, float* y, std::int64_t count, int threads) {
                     negate(x, y, count, threads);
                     if (count > 16384) y[16384] = 0.0f;
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

}  // namespace
}  // namespace assay::test
