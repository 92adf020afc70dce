// What every command shares: help, words and options, suggestions, exit codes, and what goes to which stream.
#include <fmt/format.h>

#include "cli/command_line.h"

namespace assay::test {
namespace {

const char* const kCommands[] = {"run",    "check",  "explain", "trace", "bench",    "list",
                                 "doctor", "verify", "diff",    "sweep", "reproduce"};

class Usage : public CommandLine {
 protected:
  Usage() : small_(write("small.yaml", ExperimentLines{}.text())) {}
  std::string small_;
};

TEST_F(Usage, EveryCommandHasHelpThatBeginsWithExamples) {
  const std::string overview = expect(0, {"--help"}).out;
  for (const std::string command : kCommands) {
    EXPECT_NE(overview.find("\n  " + command + " "), std::string::npos) << overview;
    const ProcessResult help = expect(0, {command, "--help"});
    EXPECT_EQ(help.out.find("assay " + command + " — "), 0u) << help.out;
    const auto examples = help.out.find("Examples:\n  assay " + command),
               usage = help.out.find("Usage: assay " + command);
    EXPECT_LT(examples, usage) << help.out;
    EXPECT_NE(usage, std::string::npos) << help.out;
    for (const char* option : {"--help", "--color"})
      EXPECT_NE(help.out.find(option), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "");
    EXPECT_EQ(expect(0, {command, "-h"}).out, help.out);
    EXPECT_EQ(expect(0, {"help", command}).out, help.out);
    // Asked for anywhere, even where other words are wrong.
    EXPECT_EQ(expect(0, {command, "--no-such-option", "--help"}).out, help.out);
  }
}

TEST_F(Usage, WithoutACommandTheOverviewIsAnError) {
  const ProcessResult result = expect(2, {});
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, expect(0, {"--help"}).out);
}

TEST_F(Usage, TheVersionIsOneLine) { EXPECT_EQ(expect(0, {"--version"}).out.substr(0, 6), "assay "); }

struct Wrong {
  std::vector<std::string> words;
  std::vector<std::string> says;
};

TEST_F(Usage, WrongWordsAreRefusedWithARemedy) {
  const Wrong cases[] = {
      {{"rn"}, {"unknown command 'rn'", "'run'"}},
      {{"-x"}, {"unknown command '-x'", "known commands: run, verify"}},
      {{"help", "rn"}, {"unknown command 'rn'"}},
      {{"run"}, {"'FILE' is missing", "assay run --help"}},
      {{"run", small_, "twice"}, {"'twice' is one word too many"}},
      {{"doctor", "all"}, {"'all' is one word too many"}},
      {{"run", small_, "--bakend", "eigen"},
       {"unknown option '--bakend'", "'--backend'", "assay run --help"}},
      {{"run", small_, "--back", "eigen"}, {"unknown option '--back'"}},
      {{"run", small_, "-z"}, {"unknown option '-z'"}},
      {{"list", "--backend", "eigen"}, {"unknown option '--backend'", "assay list --help"}},
      {{"run", small_, "--backend", "--quiet"},
       {"option '--backend' wants NAME, but the next word is '--quiet'"}},
      {{"run", small_, "--backend=--quiet"}, {"option '--backend' wants NAME"}},
      {{"run", small_, "--set", "--quiet"},
       {"option '--set' wants KEY=VALUE, but the next word is '--quiet'"}},
      {{"run", small_, "--backend"}, {"--backend"}},
      {{"run", small_, "--quiet=yes"}, {"--quiet"}},
      {{"run", small_, "--backend", "eigen", "--backend", "openmp"}, {"option '--backend' is given 2 times"}},
      {{"explain", small_, "--format", "markdwn"}, {"no choice 'markdwn'", "'markdown'"}},
      {{"check", small_, "--format", "xml"}, {"no choice 'xml'", "text, json"}},
      {{"explain", small_, "--color"}, {"'--color' wants auto, always or never"}},
      {{"explain", small_, "--color", "pink"}, {"no choice 'pink'", "auto, always, never"}},
      {{"run", small_, "--backend", "eigne"}, {"unknown backend 'eigne'", "'eigen'"}},
      {{"run", small_, "--backend", ""}, {"unknown backend ''"}},
      {{"run", small_, "--plugin", "swish.so"}, {"swish.so"}},
      {{"trace", small_}, {"'-o OUT.npz' is missing"}},
      {{"trace", small_, "-o", "trace.txt"}, {"'trace.txt' does not end in .npz"}},
      {{"trace", small_, "-o", "nowhere/trace.npz"}, {"there is no folder 'nowhere'"}},
      {{"explain", small_, "-o", "nowhere/text"}, {"there is no folder 'nowhere'"}},
      {{"explain", small_, "-o", "."}, {"it is a folder"}},
      {{"run", "nowhere.yaml"}, {"nowhere.yaml", "no such file"}},
      {{"run", "."}, {"it is a folder"}},
      {{"run", "/dev/zero"}, {"1 MiB"}},
      {{"run", "/dev/null"}, {"empty"}},
  };
  for (const Wrong& wrong : cases) expect_refused(wrong.words, wrong.says);
}

TEST_F(Usage, IntegersAreReadWholeAndWithTheirSign) {
  for (const std::string option : {"--digits", "--batch", "--seed"}) {
    for (const std::string value :
         {"-1", "1.5", "3x", "", "0x10", "18446744073709551617", "4294967296000000000000"}) {
      expect_refused(
          {"explain", small_, option, value},
          {fmt::format("option '{}' wants an integer in [", option), fmt::format("not '{}'", value)});
      expect_refused({"explain", small_, option + "=" + value}, {option});
    }
  }
  expect_refused({"explain", small_, "--digits", "18"}, {"[0, 17]"});
  expect_refused({"explain", small_, "--batch", "0"}, {"[1, "});
  expect_refused({"explain", small_, "--batch", "3"}, {"no batch 3", "has 2 of them, counted from 1"});
}

TEST_F(Usage, OptionsMayStandAnywhere) {
  const std::string after = expect(0, {"explain", small_, "--digits", "5", "--backend", "eigen"}).out;
  EXPECT_EQ(expect(0, {"explain", "--digits=5", "--backend=eigen", small_}).out, after);
  EXPECT_EQ(expect(0, {"explain", "--digits", "5", small_, "--backend", "eigen"}).out, after);
  EXPECT_EQ(expect(0, {"explain", "--digits", "5", "--backend", "eigen", "--", small_}).out, after);
}

TEST_F(Usage, DataGoesToStdoutAndTheNextCommandToStderr) {
  const std::vector<std::vector<std::string>> cases = {{"check", small_},
                                                       {"explain", small_},
                                                       {"trace", small_, "-o", "t.npz"},
                                                       {"list"},
                                                       {"list", "layers"},
                                                       {"doctor"},
                                                       {"bench", small_, "--rounds", "1"},
                                                       {"run", small_, "-o", "r"},
                                                       {"run", small_, "-n"}};
  for (const auto& words : cases) {
    const ProcessResult result = expect(0, words);
    EXPECT_NE(result.out, "") << joined(words);
    EXPECT_EQ(result.out.find("next: "), std::string::npos) << joined(words);
    const auto next = result.err.find("next: ");
    ASSERT_NE(next, std::string::npos) << joined(words);
    EXPECT_EQ(result.err.find('\n', next), result.err.size() - 1) << "one line, the last: " << result.err;
  }
}

TEST_F(Usage, ColourOnlyWhereItIsAskedFor) {
  const std::string escape = "\033[";
  EXPECT_EQ(expect(2, {"run", "nowhere.yaml"}).err.find(escape), std::string::npos) << "no terminal";
  EXPECT_NE(expect(2, {"run", "nowhere.yaml", "--color", "always"}).err.find(escape), std::string::npos);
  EXPECT_NE(expect(2, {"run", "nowhere.yaml", "--color=always"}).err.find(escape), std::string::npos);
  EXPECT_EQ(expect(2, {"run", "nowhere.yaml", "--color", "never"}).err.find(escape), std::string::npos);
}

// A file that both streams go to shows them in the order of printing.
TEST_F(Usage, BothStreamsInOneFileKeepTheirOrder) {
  const std::string script = fmt::format("'{}' check '{}' > all.txt 2>&1", assay_binary().string(), small_);
  EXPECT_EQ(run_process("/bin/sh", {"-c", script}, {.folder = folder_.path()}).exit_code, 0);
  const std::string all = contents(folder_ / "all.txt");
  EXPECT_LT(all.find("memory of a training step"), all.find("next: ")) << all;
}

TEST_F(Usage, OutputThatCannotBeWrittenIsAFailure) {
  const std::string script = fmt::format("'{}' list > /dev/full", assay_binary().string());
  const ProcessResult result = run_process("/bin/sh", {"-c", script});
  EXPECT_EQ(result.exit_code, 4) << describe(result);
  EXPECT_NE(result.err.find("No space left"), std::string::npos) << describe(result);
}

TEST_F(Usage, NothingThatWasAskedForByNameIsExitCodeFive) {
  const ProcessResult result = expect(5, {"list", "ops", "conv2x"});
  EXPECT_NE(result.err.find("'conv2d'"), std::string::npos) << result.err;
  expect_refused({"list", "op"}, {"no list of 'op'", "'ops'"});
}

}  // namespace
}  // namespace assay::test
