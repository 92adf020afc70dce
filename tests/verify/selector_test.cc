// The expressions behind -k.
#include "assay/verify/selector.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "assay/core/error.h"

namespace assay::verify {
namespace {

struct Row {
  const char* expression;
  const char* id;
  bool matches;
};

TEST(Selector, SelectsByPhrasesInTheId) {
  const char* const conv = "E conv2d openmp f32 stride 2";
  const Row rows[] = {
      {"", conv, true},
      {" \t", conv, true},
      {"conv2d", conv, true},
      {"conv", conv, true},
      {"Conv2d", conv, false},
      {"stride 2", conv, true},
      {"stride  2", conv, true},
      {"stride openmp", conv, false},
      {"\"E conv2d\"", conv, true},
      {"\"d openmp\"", conv, true},
      {"not f64", conv, true},
      {"not not f32", conv, true},
      {"conv2d and not f64", conv, true},
      {"conv2d and f64", conv, false},
      {"pool or conv2d", conv, true},
      {"pool or linear", conv, false},
      {"pool or conv2d and f32", conv, true},
      {"conv2d or pool and f64", conv, true},
      {"(conv2d or pool) and f64", conv, false},
      {"not (conv2d or pool)", conv, false},
      {"\"and\"", conv, false},
      {"\"and\"", "L this and that", true},
      {"\"(\"", "L f(x)", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Selector(row.expression).matches(row.id), row.matches) << row.expression << " in " << row.id;
  }
}

TEST(Selector, AnEqualsSignMakesItTheWholeId) {
  const Selector selector("=L linear+relu eigen f32 hidden (1) and more");
  EXPECT_TRUE(selector.matches("L linear+relu eigen f32 hidden (1) and more"));
  EXPECT_FALSE(selector.matches("L linear+relu eigen f32 hidden (1) and more steps"));
  EXPECT_FALSE(selector.matches("L linear"));
}

TEST(Selector, SelectsAmongIds) {
  const std::vector<std::string> ids{"E conv2d eigen f32 unit", "L linear openmp f64 batch (3)"};
  const Selector all(select_among(ids));
  EXPECT_TRUE(all.matches(ids[0]));
  EXPECT_TRUE(all.matches(ids[1]));
  EXPECT_FALSE(all.matches(ids[0] + " stride"));
  const Selector some(select_among(ids, "f64 or f32 and pool"));
  EXPECT_FALSE(some.matches(ids[0]));
  EXPECT_TRUE(some.matches(ids[1]));
  EXPECT_FALSE(some.matches("L pool f64"));
  const Selector one(select_among(ids, "=" + ids[0]));
  EXPECT_TRUE(one.matches(ids[0]));
  EXPECT_FALSE(one.matches(ids[1]));
}

TEST(Selector, KnowsWhetherItSelectsEverything) {
  EXPECT_TRUE(Selector().everything());
  EXPECT_TRUE(Selector("  ").everything());
  EXPECT_FALSE(Selector("conv2d").everything());
}

TEST(Selector, RefusesWhatDoesNotFit) {
  for (const std::string expression : {"and", "or conv2d", "conv2d and", "not", "(conv2d", "conv2d)", "()",
                                       "\"open", "conv2d or or pool", "conv2d not f32"}) {
    EXPECT_THROW(Selector{expression}, Error) << expression;
  }
}

}  // namespace
}  // namespace assay::verify
