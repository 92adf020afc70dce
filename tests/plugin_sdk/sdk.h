// The installed package as its user has it: a prefix with the program, and the plugins that were built
// against it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace assay::test {

/// Where the tests' set-up installed the package, and where it built plugins/ and plugin_sdk/plugins.
inline const std::filesystem::path kPrefix = ASSAY_SDK_PREFIX;
inline const std::filesystem::path kExamples = ASSAY_SDK_EXAMPLES;
inline const std::filesystem::path kRefused = ASSAY_SDK_REFUSED;

inline std::string example(const std::string& name) {
  return (kExamples / name / "build" / (name + ".so")).string();
}
inline std::string refused(const std::string& name) { return (kRefused / (name + ".so")).string(); }

class PluginSdk : public CommandLine {
 protected:
  /// The installed program, with a cache of the test's own, so that every plugin is new.
  ProcessResult sdk(const std::vector<std::string>& words,
                    std::map<std::string, std::string> environment = {}) const {
    environment.emplace("XDG_CACHE_HOME", (folder_ / "cache").string());
    return run_process(kPrefix / "bin" / "assay", words,
                       {.folder = folder_.path(), .environment = environment});
  }
  ProcessResult expect_sdk(int exit_code, const std::vector<std::string>& words,
                           const std::map<std::string, std::string>& environment = {}) const {
    const ProcessResult result = sdk(words, environment);
    EXPECT_EQ(result.exit_code, exit_code) << "assay " << joined(words) << "\n" << describe(result);
    return result;
  }
};

}  // namespace assay::test
