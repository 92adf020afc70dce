// The expressions behind -k.
#include "assay/verify/selector.h"

#include <gtest/gtest.h>

#include <string>

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
