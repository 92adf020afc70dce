// Faults that are put into kernels and rules are caught, and correct code raises nothing.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "assay/faults/measure.h"

namespace assay::faults {
namespace {

Measurement measured(const std::string& select) {
  return measure(register_builtin, {.select = select, .tier = verify::Tier::smoke});
}

std::string survivors(const Measurement& measurement) {
  std::string all;
  for (const Verdict& verdict : measurement.verdicts) {
    if (verdict.survived()) all += verdict.fault.id() + "\n";
  }
  return all;
}

// A kernel that does nothing, gives zeros or what it gave before, on every backend of ops of every kind.
TEST(Mutants, ReplacedKernelsAndRulesAreCaught) {
  const Measurement result = measured(
      "(no-op or zeros or previous) and (matmul or conv2d_grad_weight or relu_grad or max_pool2d or softmax "
      "or sgd_update)");
  EXPECT_GT(result.verdicts.size(), 50U);
  EXPECT_EQ(survivors(result), "");
  EXPECT_TRUE(result.ok()) << result.to_string();
}

TEST(Mutants, SmallErrorsOfLinearAreCaught) {
  const Measurement result = measured("(relative or ulp) and linear");
  EXPECT_EQ(survivors(result), "");
  EXPECT_TRUE(result.ok()) << result.to_string();
}

// What is wrong where a function branches, and nowhere else.
TEST(Mutants, FaultsAtExactlyZeroAreCaught) {
  const Measurement result = measured("\"at 0\" and (leaky_relu or selu or hard_swish or softplus_grad)");
  EXPECT_GT(result.verdicts.size(), 20U);
  EXPECT_EQ(survivors(result), "");
  EXPECT_TRUE(result.ok()) << result.to_string();
}

// Known values have indices far outside, which these faults must not follow.
TEST(Mutants, FaultsInRepeatedRowsAreCaught) {
  const Measurement result = measured("gather_grad and repeated");
  EXPECT_GT(result.verdicts.size(), 3U);
  EXPECT_EQ(survivors(result), "");
  EXPECT_TRUE(result.ok()) << result.to_string();
}

TEST(Mutants, CorrectCodeRaisesNoAlarm) {
  const Measurement result =
      measured("zeros and (linear or batch_norm or softmax or concat or adam_update or where)");
  EXPECT_GT(result.verdicts.size(), 40U);
  EXPECT_TRUE(result.false_alarms.empty()) << result.to_string();
}

TEST(Mutants, WrongCompilersAreCaught) {
  const Measurement result = measured("program and reference");
  EXPECT_GT(result.verdicts.size(), 20U);
  EXPECT_EQ(survivors(result), "");
  EXPECT_TRUE(result.ok()) << result.to_string();
}

TEST(Catalogue, NamesEveryFaultOnceAndManyRealDefects) {
  Registry registry;
  register_builtin(registry);
  std::set<std::string> ids;
  std::set<std::string> defects;
  std::map<int, std::set<std::string>> places;  // by class
  const std::vector<Fault> faults = catalogue(registry);
  for (const Fault& fault : faults) {
    EXPECT_TRUE(ids.insert(fault.id()).second) << fault.id();
    EXPECT_GE(fault.number, 1);
    EXPECT_LE(fault.number, kClassCount);
    if (!fault.defect.empty()) defects.insert(fault.defect);
    places[fault.number].insert(fault.id());
  }
  EXPECT_GT(defects.size(), 50U);
  EXPECT_EQ(places.size(), static_cast<std::size_t>(kClassCount));
  for (const auto& [number, there] : places)
    EXPECT_GE(there.size(), 10U) << number << " " << class_name(number);
}

}  // namespace
}  // namespace assay::faults
