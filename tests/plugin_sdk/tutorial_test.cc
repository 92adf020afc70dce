// plugins/README.md as a stranger would follow it: its files, its commands in order, its numbers.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "plugin_sdk/sdk.h"
#include "support/markdown.h"

namespace assay::test {
namespace {

class Tutorial : public PluginSdk {
 protected:
  const std::string text_ = contents(source_file("plugins/README.md"));
};

TEST_F(Tutorial, EveryStepWorks) {
  const std::map<std::string, std::string> environment{
      {"PATH", (kPrefix / "bin").string() + ":" + std::getenv("PATH")},
      {"XDG_CACHE_HOME", (folder_ / "cache").string()}};
  int ran = 0;
  for (const MarkdownBlock& block : blocks_of(text_)) {
    if (!block.marked) continue;
    SCOPED_TRACE("plugins/README.md:" + std::to_string(block.line));
    if (!block.file.empty()) {
      EXPECT_EQ(block.text, contents(source_file("plugins/" + block.file)));
      write(block.file, block.text);
      continue;
    }
    const ProcessResult result =
        run_process("/bin/sh", {"-euc", block.text}, {.folder = folder_.path(), .environment = environment});
    ASSERT_EQ(result.exit_code, block.exit_code) << block.text << describe(result);
    ++ran;
  }
  EXPECT_EQ(ran, 3);
}

TEST_F(Tutorial, EveryCountOfLinesIsRight) {
  const std::regex count(R"(\]\(([a-z0-9_/.]+)\) \((\d+) lines\))");
  int counted = 0;
  for (auto it = std::sregex_iterator(text_.begin(), text_.end(), count); it != std::sregex_iterator();
       ++it) {
    const std::string file = contents(source_file("plugins/" + (*it)[1].str()));
    EXPECT_EQ(std::to_string(std::ranges::count(file, '\n')), (*it)[2]) << (*it)[1];
    ++counted;
  }
  EXPECT_EQ(counted, 9);
}

TEST_F(Tutorial, ANewPluginIsTheExampleOfItsKindByAnotherName) {
  for (const auto& [kind, example] : std::map<std::string, std::string>{{"activation", "swish"},
                                                                        {"layer", "gated_linear"},
                                                                        {"op", "cumulative_sum"},
                                                                        {"kernel", "avx512_add"},
                                                                        {"backend", "tiled"},
                                                                        {"optimizer", "lion"},
                                                                        {"data", "rings"}}) {
    SCOPED_TRACE(kind);
    expect_sdk(0, {"plugin", "new", example, "--kind", kind});
    for (const std::string& file : {std::string("CMakeLists.txt"), example + ".cc", example + ".yaml"})
      EXPECT_EQ(contents(folder_ / (example + "/" + file)),
                contents(source_file("plugins/" + example + "/" + file)));
    expect_sdk(0, {"plugin", "new", "other_name", "--kind", kind, "-o", kind});
    EXPECT_THAT(files(kind), ::testing::ElementsAre("CMakeLists.txt", "other_name.cc", "other_name.yaml"));
    EXPECT_THAT(contents(folder_ / (kind + "/other_name.cc")),
                ::testing::Not(::testing::HasSubstr("\"" + example + "\"")));
  }
  expect_refused({"plugin", "new", "swish"}, {"--kind"});
  expect_refused({"plugin", "new", "Swish", "--kind", "op"}, {"'Swish' is no name for a plugin"});
  expect_refused({"plugin", "new", "rings", "--kind", "data"}, {"is there already"});
  expect_refused({"plugin", "list", "x"}, {"does not know 'list'"});
}

}  // namespace
}  // namespace assay::test
