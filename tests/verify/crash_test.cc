// That the op is named whose kernel takes the process down, or ends it.
#include "assay/verify/crash.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include "verify/own_backend.h"

namespace assay::test {
namespace {

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
}  // namespace assay::test
