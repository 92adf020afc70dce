// Larger geometries from an op's cases: what grows, and what grows with it.
#include "assay/verify/enlarge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "assay/registry/registry.h"

namespace assay::verify {
namespace {

class Enlarge : public ::testing::Test {
 protected:
  Enlarge() { register_builtin(registry_); }

  const Case& first_case(const std::string& op) const {
    const std::vector<Case>& cases = registry_.ops.at(op).cases;
    return *std::ranges::find_if(cases, [](const Case& c) { return c.inputs.front().shape.count() > 1; });
  }
  std::optional<Case> larger(const std::string& op, Axis axis, std::int64_t elements) const {
    return enlarged(registry_.ops, registry_.ops.at(op), first_case(op), axis, elements);
  }

  Registry registry_;
};

TEST_F(Enlarge, GivesTheLargestInputTheElementsAskedFor) {
  for (const Axis axis : {Axis::outermost, Axis::innermost}) {
    const auto c = larger("softmax", axis, 70000);
    ASSERT_TRUE(c);
    EXPECT_GE(c->inputs.front().shape.count(), 70000);
    EXPECT_LE(c->inputs.front().shape.count(), 8 * 70000);
  }
}

// Remainders of vectors stay what they are.
TEST_F(Enlarge, MultipliesByOddFactors) {
  const Shape small = first_case("softmax").inputs.front().shape;
  const auto c = larger("softmax", Axis::innermost, 70000);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->inputs.front().shape[-1] / small[-1] % 2, 1);
  EXPECT_EQ(c->inputs.front().shape[-1] % small[-1], 0);
}

// Or a large table would be read at its first rows alone.
TEST_F(Enlarge, LetsIndicesReachAllOfALargeTable) {
  const OpDef& gather = registry_.ops.at("gather");
  const auto small = std::ranges::find(gather.cases, "5 rows of [64] by [11]", &Case::label);
  ASSERT_NE(small, gather.cases.end());
  const auto c = enlarged(registry_.ops, gather, *small, Axis::outermost, 70000);
  ASSERT_TRUE(c);
  EXPECT_GE(c->inputs[0].shape.count(), 70000);
  EXPECT_EQ(c->inputs[1].limit, c->inputs[0].shape[0]);
}

// The number of rows is a setting, which is not a size of any input.
TEST_F(Enlarge, LeavesIndicesBelowANumberOfRowsThatIsASetting) {
  const Case& small = first_case("gather_grad");
  const auto c = larger("gather_grad", Axis::innermost, 70000);
  ASSERT_TRUE(c);
  for (std::size_t i = 0; i < c->inputs.size(); ++i) EXPECT_EQ(c->inputs[i].limit, small.inputs[i].limit);
}

}  // namespace
}  // namespace assay::verify
