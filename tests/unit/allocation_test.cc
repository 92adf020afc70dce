// A training step takes no memory: allocations are counted over a hundred steps with uneven batches,
// augmentation, dropout, a schedule and kept states. (oneDNN's own library is not ours to count.)
#include <gtest/gtest.h>

#include <map>

#include "assay/allocation_count.h"
#include "assay/data/batches.h"
#include "assay/experiment/divergence.h"
#include "assay/experiment/step.h"
#include "support/requirement.h"
#include "unit/experiment_files.h"

namespace assay {
namespace {

using AllocationTest = ExperimentTest;

TEST_F(AllocationTest, AStepAllocatesNothing) {
  ASSAY_NEEDS(cli::can_count_allocations(), "malloc that can be replaced, as under no sanitizer");
  for (const std::string backend : {"reference", "eigen", "openmp"}) {
    if (registry_.backends.find(backend) == nullptr) continue;
    const Experiment experiment = read(
        "assay: 1\nname: image\nbackend: {type: " + backend +
        "}\ndata: {type: synthetic, count: 20, shape: [1, 8, 8], classes: 3, augment: [{type: random_crop, "
        "padding: 1}]}\n"
        "model:\n  input: [1, 8, 8]\n  layers:\n"
        "    - {type: conv2d, filters: 4, kernel: 3, padding: same}\n    - {type: batch_norm}\n    - {type: "
        "relu}\n"
        "    - {type: max_pool2d, size: 2}\n    - {type: flatten}\n    - {type: dropout, rate: 0.5}\n"
        "    - {type: dense, units: 3}\n"
        "loss: {type: softmax_cross_entropy}\noptimizer: {type: adamw, clip_norm: 1.0}\n"
        "schedule: {type: cosine, warmup_steps: 3}\ntrain: {batch_size: 8}\n");
    const Problem problem(experiment, registry_, 0);
    StateStore states;
    Arena arena;
    problem.initialize(states);
    Batches batches(
        problem.data().train,
        {.batch_size = 8, .shuffle = true, .augmentation = Augmentation(experiment.data.augment)});
    std::map<std::int64_t, Program> programs;
    {
      const cli::AllocationCount allocations;
      for (const std::int64_t rows : {8, 4}) {
        programs.emplace(
            rows, Program::compile(problem.model().training_graph(rows, DType::f32), problem.backends(),
                                   states, arena, problem.compile_options()));
      }
      EXPECT_GT(allocations.value(), 0) << "compiling is seen to allocate";
    }
    StepRunner runner(problem, batches, programs, 102);
    DivergenceTracker tracker(states, 0, 0, 0);
    const auto epochs = [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t epoch = first, step = first * 3; epoch < last; ++epoch) {
        batches.start_epoch(static_cast<std::uint32_t>(epoch));
        for (std::int64_t k = 0; k < batches.count(); ++k, ++step) {
          tracker.before_step(states, step, epoch, k);
          runner.run(step, epoch, k);
        }
      }
    };
    epochs(0, 1);
    const cli::AllocationCount allocations;
    epochs(1, 35);
    EXPECT_EQ(allocations.value(), 0) << backend;
  }
}

}  // namespace
}  // namespace assay
