// Experiments that tests write as text, and a folder of their own for what runs leave behind.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "assay/core/error.h"
#include "assay/experiment/experiment.h"
#include "assay/experiment/run.h"
#include "assay/experiment/yaml_parser.h"
#include "support/temporary_directory.h"

namespace assay {

/// Registry, a temporary folder, and short ways from a text to what is made of it.
class ExperimentTest : public ::testing::Test {
 protected:
  ExperimentTest() { register_builtin(registry_); }

  Experiment read(const std::string& text) {
    return read_experiment(parse_yaml(text, "test.yaml"), "test.yaml", registry_);
  }

  /// What is wrong with an experiment that is not fit to run, or "".
  std::string error_of(const std::string& text) {
    try {
      const Experiment experiment = read(text);
      const Problem problem(experiment, registry_, experiment.seeds.front());
      const Trainer trainer(problem);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  RunReport run(const std::string& text, const std::string& name = "run") {
    experiments_.push_back(std::make_unique<Experiment>(read(text)));
    RunObserver observer;
    const std::atomic<bool> stop{false};
    return run_experiment(*experiments_.back(), registry_, folder_, folder_ / name, observer, stop);
  }

  std::string write(const std::string& name, const std::string& text) {
    return temporary_.file(name, text).string();
  }

  static std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in) << path;
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Registry registry_;
  const test::TemporaryDirectory temporary_;
  const std::filesystem::path& folder_ = temporary_.path();

 private:
  std::vector<std::unique_ptr<Experiment>> experiments_;
};

}  // namespace assay
