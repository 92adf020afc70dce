// A fault in one kernel is named with its op, index range and both values, in an experiment and among the
// ops, and what is printed to reproduce it fails on its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>

#include "assay/faults/faulty_backend.h"
#include "assay/verify/conformance.h"
#include "assay/verify/experiment.h"
#include "support/assay_process.h"
#include "support/requirement.h"

namespace assay::verify {
namespace {

using ::testing::HasSubstr;

// The second and the third number of every result are off by 2⁻¹⁰ of themselves.
void spoil(faults::Execution& execution) {
  execution.run_real();
  faults::typed(execution.outputs.front(), [&]<class T>(T* y) {
    if constexpr (std::is_floating_point_v<T>) {
      for (std::size_t i = 1; i < 3 && i < execution.outputs.front().count(); ++i) y[i] *= T(1) + T(0x1p-10);
    }
  });
}

// What stands behind -k in a command.
std::string selection_in(const std::string& command) {
  const std::size_t begin = command.find("-k '") + 4;
  return command.substr(begin, command.rfind('\'') - begin);
}

const Check* first_failure(const Report& report) {
  for (const Check& check : report.checks()) {
    if (check.status == Status::failed) return &check;
  }
  return nullptr;
}

class FirstParting : public ::testing::TestWithParam<std::string> {
 protected:
  FirstParting() {
    register_builtin(registry_);
    if (registry_.backends.find("openmp") != nullptr)
      faults::damage_backend(registry_, "openmp", GetParam(), {.damage = spoil});
  }
  void SetUp() override { ASSAY_NEEDS(registry_.backends.find("openmp") != nullptr, "openmp in this build"); }
  Registry registry_;
};

TEST_P(FirstParting, OfAnExperimentIsNamedAndReproduced) {
  const Experiment experiment =
      load_experiment(test::source_file("experiments/seed/deep_network.yaml"), {}, registry_);
  ExperimentOptions options{.dtypes = {DType::f32}, .command = "assay verify deep_network.yaml"};
  const ExperimentReport all = verify_experiment(experiment, registry_, options);
  const Check* check = first_failure(all.checks);
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->subject.op, GetParam());
  EXPECT_EQ(check->subject.backend, "openmp");
  EXPECT_THAT(check->detail, HasSubstr("elements differ, from ["));
  EXPECT_THAT(check->detail, HasSubstr("exact value"));
  EXPECT_THAT(check->detail, HasSubstr("reference makes "));
  EXPECT_THAT(check->detail, HasSubstr("and keeps its bound"));

  options.backends = {"openmp"};
  options.select = selection_in(check->reproduce);
  const ExperimentReport again = verify_experiment(experiment, registry_, options);
  EXPECT_EQ(again.checks.count(Status::failed), 1);
  EXPECT_EQ(again.checks.count(Status::passed), 0);
  EXPECT_EQ(first_failure(again.checks)->id(), check->id());
}

TEST_P(FirstParting, AmongOpsIsReproduced) {
  OpsOptions options{
      .ops = {GetParam()}, .backends = {"openmp"}, .dtypes = {DType::f32}, .tier = Tier::smoke};
  const Report all = verify_ops(registry_, options);
  for (const Oracle oracle : {Oracle::exact, Oracle::lockstep}) {
    const auto failed = std::ranges::find_if(all.checks(), [&](const Check& check) {
      return check.status == Status::failed && check.oracle == oracle;
    });
    ASSERT_NE(failed, all.checks().end());
    EXPECT_THAT(failed->detail, HasSubstr("from ["));
    options.select = selection_in(failed->reproduce);
    const Report again = verify_ops(registry_, options);
    EXPECT_EQ(again.count(Status::failed), 1);
    EXPECT_EQ(first_failure(again)->id(), failed->id());
  }
}

INSTANTIATE_TEST_SUITE_P(, FirstParting, ::testing::Values("matmul", "sgd_momentum_update"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace assay::verify
