// StepRunner: what a step of training is given besides its batch.
#include "assay/experiment/step.h"

#include <gtest/gtest.h>

#include "unit/experiment_files.h"

namespace assay {
namespace {

using StepTest = ExperimentTest;

TEST_F(StepTest, CountsFromOneAndDrawsAnewInEveryStep) {
  const Experiment experiment = read(
      "assay: 1\nname: step\nnumeric: {dtype: f64}\n"
      "data: {type: inline, x: [[1], [2], [3]], y: [[0], [0], [0]]}\n"
      "model:\n  input: [1]\n  layers:\n    - {type: dropout, rate: 0.5}\n    - {type: dense, units: 1}\n"
      "loss: {type: half_squared_error}\noptimizer: {type: adam, learning_rate: 0.5}\n"
      "schedule: {type: step, every: 2, gamma: 0.5}\ntrain: {epochs: 4, batch_size: 2}\n");
  const std::uint64_t seed = (std::uint64_t{7} << 32) | 5;
  const Problem problem(experiment, registry_, seed);
  StateStore states;
  Arena arena;
  problem.initialize(states);
  Batches batches(problem.data().train, {.batch_size = 2, .seed = seed});
  std::map<std::int64_t, Program> programs;
  for (const std::int64_t rows : {2, 1}) {
    programs.emplace(rows, Program::compile(problem.model().training_graph(rows, DType::f64),
                                            problem.backends(), states, arena, {.keep_inputs = true}));
  }
  StepRunner runner(problem, batches, programs, 8);
  for (std::int64_t step = 0; step < 8; ++step) {
    const std::int64_t k = step % 2;
    EXPECT_EQ(runner.run(step, step / 2, k).rows, 2 - k);
    Program& program = programs.at(2 - k);
    EXPECT_EQ(program.input("step").as<std::int32_t>()[0], step + 1);
    EXPECT_EQ(program.input("learning_rate").as<double>()[0], std::ldexp(0.5, static_cast<int>(-(step / 2))));
    const auto key = program.input("key").as<std::int32_t>();
    EXPECT_EQ(key[0], 5);
    EXPECT_EQ(key[1], 7);
    EXPECT_EQ(key[2], step);
    EXPECT_EQ(program.input("sample").as<std::int32_t>()[0], 2 * k);
    EXPECT_EQ(program.input("input").as<double>()[0], static_cast<double>(2 * k + 1));
  }
}

}  // namespace
}  // namespace assay
