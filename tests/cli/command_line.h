// The assay program run in a folder of its own, with experiments that tests write there.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/assay_process.h"
#include "support/temporary_directory.h"

namespace assay::test {

/// The lines of an experiment that is right; a test changes the one it is about. 1 is the first line.
struct ExperimentLines {
  std::string version = "assay: 1";
  std::string name = "name: small";
  std::string backend = "backend: {type: reference}";
  std::string data = "data: {type: inline, x: [[1.0], [2.0], [-1.0]], y: [[1.0], [0.0], [0.5]]}";
  std::string model = "model: {input: [1], layers: [{type: dense, name: only, units: 1}]}";
  std::string loss = "loss: {type: half_squared_error}";
  std::string optimizer = "optimizer: {type: sgd, learning_rate: 0.1}";
  std::string train = "train: {epochs: 2, batch_size: 2}";
  std::string more{};

  std::string text() const {
    std::string all;
    for (const std::string& line : {version, name, backend, data, model, loss, optimizer, train, more}) {
      if (!line.empty()) all += line + "\n";
    }
    return all;
  }
};

/// Whether tests that take a sample should take everything: ctest -L long.
inline bool is_long_test() { return std::getenv("ASSAY_LONG_TESTS") != nullptr; }

class CommandLine : public ::testing::Test {
 protected:
  ProcessResult assay(const std::vector<std::string>& words, ProcessOptions options = {}) const {
    if (options.folder.empty()) options.folder = folder_.path();
    return run_assay(words, options);
  }

  /// Runs and expects this exit code.
  ProcessResult expect(int exit_code, const std::vector<std::string>& words) const {
    const ProcessResult result = assay(words);
    EXPECT_EQ(result.exit_code, exit_code) << "assay " << joined(words) << "\n" << describe(result);
    return result;
  }

  /// A usage or configuration error: exit code 2, every one of `says` on stderr, nothing on stdout, and
  /// nothing written into the folder.
  void expect_refused(const std::vector<std::string>& words, const std::vector<std::string>& says) const {
    const std::vector<std::string> before = files();
    const ProcessResult result = expect(2, words);
    for (const std::string& part : says)
      EXPECT_NE(result.err.find(part), std::string::npos) << "'" << part << "' is not in\n" << result.err;
    EXPECT_EQ(result.out, "") << joined(words);
    EXPECT_EQ(files(), before) << joined(words);
  }

  std::string write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    return folder_.file(name, text).string();
  }

  /// Every file and folder below the test's own, sorted.
  std::vector<std::string> files(const std::string& below = "") const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / below))
      all.push_back(std::filesystem::relative(entry.path(), folder_ / below).string());
    std::ranges::sort(all);
    return all;
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
  }

  TemporaryDirectory folder_;
};

}  // namespace assay::test
