// That the harness fails where a kernel does something besides its numbers: on its threads, to its buffers,
// in what it keeps and in what it leaves behind.
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cmath>
#include <thread>
#include <vector>

#include "verify/own_backend.h"

namespace assay::test {
namespace {

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

}  // namespace
}  // namespace assay::test
