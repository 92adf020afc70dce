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

// Registered with the child's exit handlers, as a destructor of a library would be.
TrialResult attempt_with_handler(void (*handler)(), TrialEnding ending) {
  return try_in_child(
      [handler](const NamePhase&) -> std::string {
        std::atexit(handler);
        return "done";
      },
      std::chrono::milliseconds(20000), ending);
}

TEST(Trial, TriesExitHandlersWhereItIsAskedTo) {
  const auto crash = [] { std::raise(SIGSEGV); };
  EXPECT_EQ(attempt_with_handler(crash, TrialEnding::at_once).end, End::finished);
  const TrialResult crashed = attempt_with_handler(crash, TrialEnding::by_exit);
  EXPECT_EQ(crashed.end, End::crashed);
  EXPECT_EQ(crashed.phase, "the program ended");
  // A handler that ends the program itself would hide the program's exit code.
  EXPECT_EQ(attempt_with_handler([] { std::_Exit(0); }, TrialEnding::by_exit).end, End::exited);
  const TrialResult finished = attempt_with_handler([] {}, TrialEnding::by_exit);
  EXPECT_EQ(finished.end, End::finished);
  EXPECT_EQ(finished.message, "done");
}

TEST(Trial, EndsExitHandlersThatHang) {
  const TrialResult result = try_in_child(
      [](const NamePhase&) -> std::string {
        std::atexit([] {
          for (;;) ::raise(SIGSTOP);
        });
        return "";
      },
      std::chrono::milliseconds(200), TrialEnding::by_exit);
  EXPECT_EQ(result.end, End::hung);
  EXPECT_EQ(result.phase, "the program ended");
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
