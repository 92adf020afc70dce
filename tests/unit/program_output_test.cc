// Other programs that are asked: what they print, and the limits that they are held to.
#include "assay/core/program_output.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace assay {
namespace {

using End = ProgramOutput::End;

ProgramOutput shell(const std::string& script, const ProgramLimits& limits = {}, bool with_errors = false) {
  return run_program({"/bin/sh", "-c", script}, {}, limits, with_errors);
}

TEST(ProgramOutputTest, IsWhatTheProgramPrints) {
  EXPECT_EQ(shell("echo out; echo err >&2").text, "out\n");
  EXPECT_EQ(shell("echo out; echo err >&2", {}, true).text, "out\nerr\n");
  const ProgramOutput failed = shell("echo x; exit 3");
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(failed.text, "x\n");
  EXPECT_FALSE(failed.ok());
  EXPECT_TRUE(shell("true").ok());
  EXPECT_EQ(shell("kill -9 $$").end, End::killed);
  EXPECT_EQ(run_program({"/nowhere/program"}, {}, {}).exit_code, 127);
  EXPECT_EQ(run_program({"/bin/sh", "-c", "echo \"$A$HOME\""}, std::vector<std::string>{"A=b"}, {}).text,
            "b\n");
  // Words are not a command line.
  EXPECT_EQ(run_program({"/bin/echo", "a b", "$(id)", "*"}, {}, {}).text, "a b $(id) *\n");
}

TEST(ProgramOutputTest, IsHeldToItsLimits) {
  EXPECT_EQ(shell("printf 1234", {.bytes = 4}).text, "1234");
  EXPECT_EQ(shell("printf 12345", {.bytes = 4}).end, End::too_long);
  EXPECT_EQ(shell("while :; do echo 0123456789; done", {.bytes = 1 << 20}).end, End::too_long);
  const ProgramLimits brief{.time = std::chrono::milliseconds(100)};
  EXPECT_EQ(shell("sleep 600", brief).end, End::too_slow);
  EXPECT_EQ(shell("exec >&- 2>&-; sleep 600", brief).end, End::too_slow);
  EXPECT_EQ(shell("sleep 600 & wait", brief).end, End::too_slow) << "what it started goes with it";
}

TEST(ProgramOutputTest, ProgramsAreFoundByTheirName) {
  const test::TemporaryDirectory folder;
  const std::string path = std::getenv("PATH");
  std::filesystem::create_directories(folder / "git");
  folder.file("plain", "no program");
  ::setenv("PATH", (folder.path().string() + ":.::/usr/bin:/bin").c_str(), 1);
  EXPECT_EQ(find_program("sh").filename(), "sh");
  EXPECT_EQ(find_program("plain"), "");
  EXPECT_NE(find_program("git"), folder / "git");
  ::setenv("PATH", "", 1);
  EXPECT_EQ(find_program("sh"), "");
  ::setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace assay
