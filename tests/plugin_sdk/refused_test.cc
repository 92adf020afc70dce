// Plugins that cannot be loaded leave the program standing, and say why.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "assay/registry/plugin_abi.h"
#include "plugin_sdk/sdk.h"

namespace assay::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RefusedPlugin : public PluginSdk {
 protected:
  /// `assay list` with the plugin is a usage error that says this.
  void expect_refusal(const std::string& file, const ::testing::Matcher<std::string>& says,
                      const std::map<std::string, std::string>& environment = {}) const {
    const ProcessResult result = expect_sdk(2, {"list", "--plugin", file}, environment);
    EXPECT_THAT(result.err, AllOf(says, HasSubstr(std::filesystem::path(file).filename().string())));
    EXPECT_EQ(result.out, "");
  }
  /// A copy of a plugin in whose stamp the value of this key begins with another letter.
  std::string restamped(const std::string& file, const std::string& key) const {
    std::string bytes = contents(file);
    bytes.at(bytes.find(";" + key + "=") + key.size() + 2) = 'x';
    return folder_.file("restamped.so", bytes).string();
  }
};

TEST_F(RefusedPlugin, WhatIsNoPlugin) {
  expect_refusal(write("text.so", "no shared object\n"), HasSubstr("is no shared object"));
  expect_refusal(write("empty.so", ""), HasSubstr("is no shared object"));
  expect_refusal(refused("no_plugin"), HasSubstr("but no assay plugin"));
  expect_refusal((folder_ / "missing.so").string(), HasSubstr("is missing"));
  expect_refusal((kPrefix / "bin").string(), HasSubstr("not a regular file"));
}

TEST_F(RefusedPlugin, TruncatedAtAnyLength) {
  const std::string bytes = contents(refused("empty"));
  // Every length near the headers, and lengths spread over the rest.
  std::vector<std::size_t> lengths;
  for (std::size_t n = 1; n < 64; n += 9) lengths.push_back(n);
  for (std::size_t i = 1; i <= 12; ++i) lengths.push_back(bytes.size() * i / 13);
  lengths.push_back(bytes.size() - 1);
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    const std::string file = folder_.file("short.so", bytes.substr(0, length)).string();
    expect_refusal(file, ::testing::AnyOf(HasSubstr("is cut short"), HasSubstr("is no shared object")));
  }
}

TEST_F(RefusedPlugin, TheStampOfAnotherAssay) {
  const int abi = ASSAY_PLUGIN_ABI;
  expect_refusal(refused("previous_abi"),
                 AllOf(HasSubstr(fmt::format("the ABI number (plugin {}, assay {}) differs", abi - 1, abi)),
                       HasSubstr(fmt::format("abi={};", abi - 1)), HasSubstr(fmt::format("abi={};", abi))));
  expect_refusal(refused("sanitized"), HasSubstr("the sanitizer (plugin address, assay none) differs"));
  for (const std::string key : {"compiler", "standard library", "language"})
    expect_refusal(restamped(refused("empty"), key), HasSubstr("the " + key + " (plugin x"));
}

TEST_F(RefusedPlugin, ANameThatIsTakenNamesBothOwners) {
  expect_refusal(refused("duplicate"),
                 HasSubstr("the op 'relu' is registered twice: by built-in and by plugin 'duplicate' 0.1"));
}

TEST_F(RefusedPlugin, ALoadThatThrowsHalfWayLeavesNothing) {
  expect_refusal(refused("half_way"),
                 AllOf(HasSubstr("the licence of half_way has expired"), HasSubstr("buy another half"),
                       HasSubstr("load of the plugin 'half_way' 0.1")));
}

TEST_F(RefusedPlugin, WhatCrashesExitsOrHangs) {
  const auto hostile = [&](const std::string& how, const ::testing::Matcher<std::string>& says) {
    SCOPED_TRACE(how);
    expect_refusal(refused("hostile"), says, {{"HOSTILE", how}});
  };
  hostile("crash constructor", HasSubstr("crashed when its constructors ran: signal 11"));
  hostile("crash load", HasSubstr("crashed when its load ran: signal 11"));
  hostile("abort load", HasSubstr("signal 6"));
  hostile("exit constructor", HasSubstr("ended the program when its constructors ran: exit code 0"));
  hostile("exit load", HasSubstr("ended the program when its load ran"));
  hostile("crash destructor", HasSubstr("crashed when the program ended: signal 11"));
  hostile("abort destructor", HasSubstr("crashed when the program ended: signal 6"));
  hostile("exit destructor", HasSubstr("ended the program when the program ended: exit code 0"));
  hostile("throw load", HasSubstr("an exception that is no std::exception"));
}

TEST_F(RefusedPlugin, ACheckHasATimeLimit) {
  const ProcessResult result =
      expect_sdk(2, {"plugin", "check", refused("hostile"), "--time-limit", "1"}, {{"HOSTILE", "hang load"}});
  EXPECT_THAT(result.err, HasSubstr("hung when its load ran: it took more than 1 s"));
}

TEST_F(RefusedPlugin, AChangedModeOfArithmetic) {
  expect_refusal(refused("fast_math"), HasSubstr("denormals are flushed to zero"));
  expect_refusal(refused("hostile"), HasSubstr("rounding is upward"), {{"HOSTILE", "round load"}});
}

TEST_F(RefusedPlugin, OnlyTheFirstSightOfAFileIsATrial) {
  expect_sdk(0, {"list", "--plugin", refused("hostile")});
  ASSERT_EQ(files("cache/assay/plugins").size(), 1u);
  // It came through once: now it is trusted, and takes the program with it.
  EXPECT_EQ(sdk({"list", "--plugin", refused("hostile")}, {{"HOSTILE", "crash load"}}).exit_code, 139);
  // But not so that it passes for success.
  const ProcessResult ended =
      expect_sdk(3, {"list", "--plugin", refused("hostile")}, {{"HOSTILE", "exit load"}});
  EXPECT_THAT(ended.err, HasSubstr("ended the program"));
}

TEST_F(RefusedPlugin, AChangedLibraryMakesAFileNew) {
  for (const char* name : {"leaning.so", "libleaned_on.so"})
    std::filesystem::copy(kRefused / name, folder_ / name);
  const std::string plugin = (folder_ / "leaning.so").string();
  const std::map<std::string, std::string> crash{{"HOSTILE", "crash library"}};
  expect_sdk(0, {"list", "--plugin", plugin});
  EXPECT_EQ(sdk({"list", "--plugin", plugin}, crash).exit_code, 139) << "tried again without need";
  std::filesystem::remove(folder_ / "libleaned_on.so");
  std::filesystem::copy(kRefused / "libleaned_on.so", folder_ / "libleaned_on.so");
  expect_refusal(plugin, HasSubstr("crashed when its load ran"), crash);
}

// Its checks stand inside functions, and change no type.
TEST_F(RefusedPlugin, NotForTheSanitizerOfUndefinedBehaviour) {
  expect_sdk(0, {"list", "--plugin", refused("undefined")});
}

}  // namespace
}  // namespace assay::test
