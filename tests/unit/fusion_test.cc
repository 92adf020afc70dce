// What the backends take in one pass of a network of convolutions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "experiment_files.h"
#include "support/assay_process.h"
#include "support/requirement.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

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
  EXPECT_THAT(table, HasSubstr("batch_norm+relu"));
  EXPECT_THAT(table, HasSubstr("relu_grad+batch_norm_grad"));
  EXPECT_THAT(table, HasSubstr("max_pool2d_grad+relu_grad"));
}

INSTANTIATE_TEST_SUITE_P(, Fusion, ::testing::Values("openmp", "onednn"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace assay
