// The README runs: every block of shell commands that is marked `test`, in order, in one folder, as a
// newcomer would; every output shown after one; and the PyTorch loader, where Debian's python3-torch is
// installed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "assay/data/safetensors.h"
#include "cli/command_line.h"
#include "support/markdown.h"
#include "support/requirement.h"

namespace assay::test {
namespace {

class Readme : public CommandLine {
 protected:
  Readme() : blocks_(blocks_of(contents(source_file("README.md")))) {
    std::filesystem::create_directory_symlink(source_file("experiments"), folder_ / "experiments");
  }

  // In a folder where experiments/ is, with the program on the path.
  ProcessResult shell(const std::string& script) const {
    const std::string path = assay_binary().parent_path().string() + ":" + std::getenv("PATH");
    return run_process(
        "/bin/sh", {"-euc", script},
        {.folder = folder_.path(), .environment = {{"PATH", path}}, .limit = std::chrono::seconds{500}});
  }

  std::vector<MarkdownBlock> blocks_;
};

TEST_F(Readme, EveryCommandRuns) {
  ASSAY_NEEDS(std::filesystem::exists("/usr/share/datasets/fashion-mnist"), "package dataset-fashion-mnist");
  ProcessResult last;
  int ran = 0;
  for (const MarkdownBlock& block : blocks_) {
    SCOPED_TRACE(fmt::format("README.md:{}", block.line));
    if (block.marked && block.language == "sh") {
      last = shell(block.text);
      EXPECT_EQ(last.exit_code, block.exit_code) << block.text << describe(last);
      ++ran;
    } else if (block.marked && block.language == "text") {
      EXPECT_NE((last.out + last.err).find(block.text), std::string::npos) << block.text << describe(last);
    }
  }
  EXPECT_GE(ran, 5);
}

// What no test can run here: the two commands that install, build and run the tests themselves, and the way
// to the program that they built.
TEST_F(Readme, OnlyTheCommandsThatBuildAreUnmarked) {
  for (const MarkdownBlock& block : blocks_) {
    if (block.language != "sh" || block.marked || block.takes_hours) continue;
    std::istringstream lines(block.text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(line.starts_with("./tools/quickstart") || line.starts_with("./tools/test") ||
                  line.starts_with("export PATH="))
          << "README.md:" << block.line << ": " << line;
    }
  }
}

TEST_F(Readme, EveryFileThatItNamesIsThere) {
  const std::string text = contents(source_file("README.md"));
  for (std::size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
    const std::string target = text.substr(at + 2, text.find(')', at) - at - 2);
    if (target.find("://") != std::string::npos || target.find(' ') != std::string::npos) continue;
    EXPECT_TRUE(std::filesystem::exists(source_file(target))) << target;
  }
}

constexpr const char* kPython = "/usr/bin/python3";

// Of the blocks that load weights, which are marked, or of the one that differentiates.
std::string python_of(const std::vector<MarkdownBlock>& blocks, bool marked) {
  std::string script;
  for (const MarkdownBlock& block : blocks) {
    if (block.marked == marked && block.language == "python") script += block.text;
  }
  return script;
}

// What runs PyTorch, which tools/test installs wherever the distribution has it.
class ReadmeWithPyTorch : public Readme {
 protected:
  void SetUp() override {
    const bool present =
        std::filesystem::exists(kPython) && run_process(kPython, {"-c", "import torch"}).exit_code == 0;
    if (!present && run_process("/usr/bin/apt-cache", {"show", "python3-torch"}).exit_code != 0)
      GTEST_SKIP() << "this distribution has no python3-torch";
    ASSAY_NEEDS(present, "python3-torch");
  }
};

TEST_F(ReadmeWithPyTorch, ThePyTorchLoaderReadsTheWeights) {
  std::string script = python_of(blocks_, true);
  ASSERT_NE(script.find("def load_weights(path):"), std::string::npos);
  script +=
      "print(json.dumps({n: t.double().flatten().tolist() for n, t in "
      "load_weights('runs/xor/weights.safetensors').items()}))\n";
  for (const std::string dtype : {"f32", "f64"}) {
    std::filesystem::remove_all(folder_ / "runs");
    expect(0, {"run", "experiments/synthetic/xor.yaml", "-q", "-o", "runs/xor", "--seed", "7", "-s",
               "numeric.dtype=" + dtype});
    const ProcessResult python = run_process(kPython, {"-c", script}, {.folder = folder_.path()});
    ASSERT_EQ(python.exit_code, 0) << describe(python);
    EXPECT_EQ(python.out.find("{'hidden.weight': (8, 2), 'hidden.bias': (8,), "), 0u) << python.out;
    const auto read = nlohmann::json::parse(python.out.substr(python.out.find('\n') + 1));
    const auto tensors = read_safetensors(folder_ / "runs/xor/weights.safetensors").tensors;
    ASSERT_EQ(read.size(), tensors.size());
    for (const NamedTensor& tensor : tensors)
      EXPECT_EQ(read.at(tensor.name).get<std::vector<double>>(), to_doubles(tensor.tensor.view()))
          << tensor.name;
  }
}

TEST_F(ReadmeWithPyTorch, PyTorchsGradientsAreJudged) {
  const std::string experiment = "experiments/seed/worked_example.yaml";
  expect(0, {"trace", experiment, "-o", "trace.npz"});
  std::string script = python_of(blocks_, false);
  const ProcessResult python = run_process(kPython, {"-c", script}, {.folder = folder_.path()});
  ASSERT_EQ(python.exit_code, 0) << describe(python);
  expect(0, {"verify", experiment, "--against", "torch.npz"});
  // A gradient that PyTorch is told wrongly.
  const std::string half = "/ (2 * len(prediction))";
  ASSERT_NE(script.find(half), std::string::npos);
  script.replace(script.find(half), half.size(), "/ len(prediction)");
  ASSERT_EQ(run_process(kPython, {"-c", script}, {.folder = folder_.path()}).exit_code, 0);
  expect(1, {"verify", experiment, "--against", "torch.npz"});
}

}  // namespace
}  // namespace assay::test
