// Random models: the same ones for the same seed, all sound, and a defect is found and shrunk to a file.
#include "assay/verify/graphs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "assay/graph/differentiate.h"
#include "assay/verify/experiment.h"
#include "assay/verify/random_experiment.h"
#include "support/temporary_directory.h"

namespace assay::verify {
namespace {

class Graphs : public ::testing::Test {
 protected:
  Graphs() { register_builtin(registry_); }
  Registry registry_;
};

TEST_F(Graphs, AreTheSameForTheSameSeed) {
  std::set<std::string> different;
  for (std::int64_t index = 0; index < 20; ++index) {
    const auto file = file_of(random_experiment(registry_, 7, index), registry_);
    ASSERT_TRUE(file) << index;
    EXPECT_EQ(file, file_of(random_experiment(registry_, 7, index), registry_));
    different.insert(*file);
  }
  EXPECT_EQ(different.size(), 20U);
}

TEST_F(Graphs, HaveEveryLayerLossAndOptimizer) {
  std::string all;
  for (std::int64_t index = 0; index < 400; ++index)
    all += " " + file_of(random_experiment(registry_, 1, index), registry_).value_or("");
  for (const auto& names :
       {registry_.layers.names(), registry_.losses.names(), registry_.optimizers.names()}) {
    for (const std::string& name : names) EXPECT_NE(all.find("type: " + name), std::string::npos) << name;
  }
}

TEST_F(Graphs, PassOnEveryBackend) {
  const Report report = verify_graphs(registry_, {.count = 40});
  EXPECT_NE(report.summary().find("40 graphs"), std::string::npos) << report.summary();
  EXPECT_TRUE(report) << report;
  EXPECT_EQ(report.count(Status::passed), 40);
}

TEST_F(Graphs, ADefectIsShrunkToASmallFile) {
  registry_.ops.find("layer_norm")->derivative = [](Vjp& d) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (d.wanted(i)) d.add(i, d.graph().constant(0.25, d.input(i).dtype(), d.input(i).shape()));
    }
  };
  const test::TemporaryDirectory folder;
  const Report report =
      verify_graphs(registry_, {.count = 100, .stop_at_first_failure = true, .folder = folder.path()});
  ASSERT_EQ(report.count(Status::failed), 1);
  const Check& check = report.checks().back();
  EXPECT_NE(check.detail.find("(layer_norm, half_squared_error, sgd)"), std::string::npos) << check.detail;

  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  EXPECT_NE(check.reproduce.find(file.string()), std::string::npos) << check.reproduce;
  const Experiment experiment = load_experiment(file, {}, registry_);
  EXPECT_EQ(experiment.model.layers.size(), 1U);
  EXPECT_EQ(experiment.model.layers.front().type, "layer_norm");
  EXPECT_GT(verify_experiment(experiment, registry_).checks.count(Status::failed), 0);
}

}  // namespace
}  // namespace assay::verify
