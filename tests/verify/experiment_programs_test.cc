// The programs of an experiment, beside the ops in them: the step that trains, the one that evaluates, the
// states that compilation arranges, and what the graph merges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "assay/experiment/yaml_parser.h"
#include "assay/faults/faulty_backend.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/elementwise.h"
#include "assay/ops/reduce.h"
#include "assay/verify/conformance.h"
#include "assay/verify/experiment.h"
#include "support/requirement.h"

namespace assay::verify {
namespace {

using ::testing::HasSubstr;

constexpr const char* kExperiment = R"(assay: 1
name: programs
backend: {type: reference}
numeric: {dtype: f64}
data: {type: inline, x: [[1, 2], [3, -1], [0.5, 4], [2, 2]], y: [[1], [0], [2], [1]]}
model:
  input: [2]
  layers:
    - {type: dense, name: hidden, units: 3}
    - {type: batch_norm, name: norm}
    - {type: tanh}
    - {type: dense, name: out, units: 1}
loss: {type: half_squared_error}
optimizer: OPTIMIZER
train: {batch_size: 4}
)";

class ExperimentPrograms : public ::testing::Test {
 protected:
  ExperimentPrograms() { register_builtin(registry_); }

  ExperimentReport verify(const std::string& optimizer,
                          std::vector<std::string> backends = {"reference"}) const {
    std::string text = kExperiment;
    text.replace(text.find("OPTIMIZER"), 9, optimizer);
    const Experiment experiment = read_experiment(parse_yaml(text, "x.yaml"), "x.yaml", registry_);
    return verify_experiment(experiment, registry_,
                             {.backends = std::move(backends), .dtypes = {DType::f64}});
  }

  // Every failure is of these.
  static void expect_failures(const ExperimentReport& report, const std::string& id) {
    EXPECT_FALSE(report.checks.ok());
    for (const Check& check : report.checks.checks()) {
      if (check.status != Status::failed) continue;
      EXPECT_THAT(check.id(), HasSubstr(id)) << check.detail;
    }
  }

  Registry registry_;
};

TEST_F(ExperimentPrograms, AreJudgedInTrainingAndInInference) {
  const ExperimentReport report = verify("{type: adam, clip_norm: 0.01}");
  EXPECT_TRUE(report.checks.ok()) << report.checks;
  for (const std::string id : {"G training step quad", "G states reference f64 whole program, inference",
                               "G compilation reference f64 whole program, inference", "G unobserved run",
                               "L batch_norm_inference reference f64 norm inference", "V layer batch_norm",
                               "V loss half_squared_error", "V optimizer adam", "V schedule constant"}) {
    EXPECT_TRUE(std::ranges::any_of(report.checks.checks(), [&](const Check& check) {
      return check.id().starts_with(id);
    })) << id;
  }
}

// Twice the gradient, but where the optimizer stands alone.
TEST_F(ExperimentPrograms, FindAStepThatIsNotOfTheTracedGradient) {
  registry_.optimizers.find("sgd")->update = [](UpdateBuilder& build) {
    const Graph& graph = build.gradient().graph();
    const bool trains =
        std::ranges::any_of(graph.nodes(), [](const Node& node) { return node.name == "target"; });
    const Value g = trains ? scale(build.gradient(), 2.0) : build.gradient();
    build.update(build.parameter(), sub(build.parameter(), mul(build.learning_rate(), g)));
  };
  const ExperimentReport report = verify("{type: sgd}");
  EXPECT_THAT(report.checks.to_string(), HasSubstr("FAILED G training step quad whole model"));
  EXPECT_THAT(report.checks.to_string(), HasSubstr("by the traced gradient"));
}

// The rule is proven in quad, where it is right.
TEST_F(ExperimentPrograms, FindARuleThatIsAnotherOneInTheDtypeThatTrains) {
  OpDef& tanh_op = *registry_.ops.find("tanh");
  tanh_op.derivative = [right = tanh_op.derivative](Vjp& d) {
    right(d);
    if (d.cotangent().dtype() == DType::f64) d.add(0, scale(d.cotangent(), 0.0));
  };
  expect_failures(verify("{type: sgd}"), "G gradient f64 graph in quad");
}

TEST_F(ExperimentPrograms, FindAKernelThatOnlyEvaluationRuns) {
  faults::damage_backend(registry_, "eigen", "batch_norm_inference",
                         {.damage = [](faults::Execution& execution) {
                           execution.run_real();
                           static_cast<double*>(execution.outputs.front().data)[0] += 1.0;
                         }});
  expect_failures(verify("{type: sgd}", {"eigen"}), "batch_norm_inference eigen f64 norm inference");
}

// A number where 17 channels leave a block of 16 unfilled, which the next kernel sums.
TEST_F(ExperimentPrograms, FindNumbersInThePaddingOfALayout) {
  ASSAY_NEEDS(registry_.backends.find("onednn") != nullptr, "onednn in this build");
  faults::damage_backend(registry_, "onednn", "relu", {.damage = [](faults::Execution& execution) {
                           execution.run_real();
                           const faults::Buffer& y = execution.outputs.front();
                           const auto values = static_cast<std::size_t>(execution.site.output(0).count());
                           if (y.count() > values) static_cast<float*>(y.data)[y.count() - 1] = 1.0f;
                         }});
  const Report report = verify_ops(
      registry_, {.select = "leaves", .ops = {"relu"}, .backends = {"onednn"}, .dtypes = {DType::f32}});
  EXPECT_THAT(report.to_string(), HasSubstr("leaves numbers in the padding of output 0"));
}

// Eigen has no kernel for the loss, which it takes in parts: each part is right.
TEST_F(ExperimentPrograms, FindAnExpansionThatIsNotItsOp) {
  registry_.ops.find("half_squared_error")->expand = [](std::span<const Value> in, const Fields&) {
    const Value r = sub(in[0], in[1]);
    return std::vector<Value>{scale(sum(mul(r, r)), 0.25)};
  };
  expect_failures(verify("{type: sgd}", {"eigen"}), "G compilation eigen f64 whole program");
}

// The reference would take 1 ∘ b for b, and knows better.
TEST_F(ExperimentPrograms, FindANeutralOperandThatIsNone) {
  registry_.ops.find("sub")->neutral = {{0, 1.0}};
  const Report report = verify_ops(
      registry_,
      {.ops = {"sub"}, .backends = {"reference"}, .oracles = {Oracle::program}, .tier = Tier::smoke});
  EXPECT_THAT(report.to_string(), HasSubstr("FAILED G sub reference f64 merging"));
  EXPECT_THAT(report.to_string(), HasSubstr("operand 0 = 1 differs in a program that has others beside it"));
}

}  // namespace
}  // namespace assay::verify
