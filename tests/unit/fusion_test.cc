// What the backends take in one pass of a network of convolutions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "experiment_files.h"
#include "support/assay_process.h"
#include "support/requirement.h"

namespace assay {
namespace {

using ::testing::ContainsRegex;

class Fusion : public ExperimentTest, public ::testing::WithParamInterface<const char*> {};

// conv, batch_norm, relu, conv, batch_norm, relu, max_pool: the first relu's gradient meets batch_norm's, the
// second one's max_pool's.
TEST_P(Fusion, OfBatchNormalisationReluAndPooling) {
  ASSAY_NEEDS(registry_.backends.entries().contains(GetParam()), "backend " << GetParam());
  const Experiment experiment =
      load_experiment(test::source_file("experiments/bench/f_vgg.yaml"),
                      {.overrides = {}, .backend = GetParam(), .seed = {}}, registry_);
  const Problem problem(experiment, registry_, experiment.seeds.front());
  const std::string table = to_string(Trainer(problem).program().placements());
  const auto has_row = [&](const std::string& ops, const std::string& layer) {
    EXPECT_THAT(table, ContainsRegex(ops + " +" + layer + " ")) << ops << " of " << layer;
  };
  for (const char* const layer : {"1", "2", "3", "4", "5", "6"})
    has_row("batch_norm\\+relu", std::string("batch_norm") + layer);
  for (const char* const layer : {"relu1", "relu3", "relu5"}) has_row("relu_grad\\+batch_norm_grad", layer);
  for (const char* const layer : {"max_pool2d1", "max_pool2d2", "max_pool2d3"})
    has_row("max_pool2d_grad\\+relu_grad", layer);
}

INSTANTIATE_TEST_SUITE_P(, Fusion, ::testing::Values("openmp", "onednn"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace assay
