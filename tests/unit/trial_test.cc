// What may crash, hang or end a process does so in a child.
#include "assay/core/trial.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "assay/core/float_mode.h"

namespace assay {
namespace {

using End = TrialResult::End;

TrialResult attempt(const std::function<std::string(const NamePhase&)>& task) {
  return try_in_child(task, std::chrono::milliseconds(20000));
}

TEST(Trial, ReturnsWhatTheTaskReturns) {
  const std::string large(1 << 20, 'x');  // more than a pipe holds
  const TrialResult result = attempt([&](const NamePhase&) { return large; });
  EXPECT_EQ(result.end, End::finished);
  EXPECT_EQ(result.message, large);
}

TEST(Trial, SaysWhatWasThrownAndInWhichPhase) {
  const TrialResult result = attempt([](const NamePhase& phase) -> std::string {
    phase("the first");
    phase("the second");
    throw std::runtime_error("no more");
  });
  EXPECT_EQ(result.end, End::threw);
  EXPECT_EQ(result.message, "no more");
  EXPECT_EQ(result.phase, "the second");
}

TEST(Trial, SurvivesCrashesAndExits) {
  EXPECT_EQ(attempt([](const NamePhase&) -> std::string {
              std::raise(SIGSEGV);
              return "";
            }).end,
            End::crashed);
  const TrialResult exited = attempt([](const NamePhase&) -> std::string { std::_Exit(7); });
  EXPECT_EQ(exited.end, End::exited);
  EXPECT_EQ(exited.message, "exit code 7");
}

TEST(Trial, EndsWhatHangs) {
  const TrialResult result = try_in_child(
      [](const NamePhase& phase) -> std::string {
        phase("waiting");
        for (;;) ::raise(SIGSTOP);
      },
      std::chrono::milliseconds(200));
  EXPECT_EQ(result.end, End::hung);
  EXPECT_EQ(result.phase, "waiting");
}

TEST(FloatModeGuard, PutsBackWhatItFound) {
  const FloatMode before = float_mode();
  {
    const FloatModeGuard guard;
    std::fesetround(FE_UPWARD);
    EXPECT_EQ(difference(guard.before(), float_mode()), "rounding is upward");
  }
  EXPECT_EQ(float_mode(), before);
  EXPECT_EQ(difference(before, float_mode()), "");
}

}  // namespace
}  // namespace assay
