// What may crash, hang or end a process does so in a child.
#include "assay/core/trial.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

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

// As when a user interrupts the program: the terminal's signal does not reach the child's group.
TEST(Trial, EndsWithTheProgramThatMadeIt) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t program = ::fork();
  if (program == 0) {
    try_in_child(
        [&](const NamePhase&) -> std::string {
          (void)!::write(pipe[1], "x", 1);
          for (;;) ::pause();
        },
        std::chrono::minutes(10));
    std::_Exit(0);
  }
  ::close(pipe[1]);
  char byte = 0;
  ASSERT_EQ(::read(pipe[0], &byte, 1), 1);  // the child is at work
  ::kill(program, SIGKILL);
  ::waitpid(program, nullptr, 0);
  EXPECT_EQ(::read(pipe[0], &byte, 1), 0);  // nobody is left that could write
  ::close(pipe[0]);
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
