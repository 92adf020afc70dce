// Fields: what completes, what is refused, and how values print.
#include "assay/graph/fields.h"

#include <gtest/gtest.h>

#include "assay/core/error.h"

namespace assay {
namespace {

TEST(Fields, PrintNestedListsUnderTheirShape) {
  EXPECT_EQ(to_string(FieldValue(Array{Shape{2, 2}, {1, 2.5, -3, 4}})), "[[1, 2.5], [-3, 4]]");
  EXPECT_EQ(to_string(FieldValue(Array{Shape{}, {7}})), "7");
  EXPECT_EQ(to_string(FieldValue(Array{Shape{2, 0}, {}})), "[[], []]");
  EXPECT_EQ(to_string(FieldValue(Array{Shape{3}, {1, 2}})), "2 numbers under the shape [3]");
  EXPECT_EQ(to_string(FieldValue(std::vector<std::string>{"a", "b"})), "[a, b]");
}

TEST(Fields, CompleteChecksArraysAndTexts) {
  const FieldDef defs[] = {
      {.name = "x", .kind = FieldKind::array, .required = true, .maximum = 10},
      {.name = "target", .kind = FieldKind::texts, .fallback = std::vector<std::string>{"label"}}};
  const Fields good = complete(defs, {{"x", Array{Shape{2}, {1, 2}}}}, "data 'inline'");
  EXPECT_EQ(good.array("x").values, (std::vector<double>{1, 2}));
  EXPECT_EQ(good.texts("target"), (std::vector<std::string>{"label"}));

  const Array fewer_values_than_the_shape_says{Shape{3}, {1, 2}};
  EXPECT_THROW(complete(defs, {{"x", fewer_values_than_the_shape_says}}, "data 'inline'"), Error);
  EXPECT_THROW(complete(defs, {{"x", Array{Shape{1}, {11}}}}, "data 'inline'"), Error);
  EXPECT_THROW(complete(defs, {{"x", 1.0}}, "data 'inline'"), Error);
}

TEST(Fields, OptionalOnesStayAbsent) {
  const FieldDef defs[] = {{.name = "clip_norm", .kind = FieldKind::number, .optional = true, .minimum = 0}};
  EXPECT_EQ(complete(defs, {}, "optimizer 'sgd'").find("clip_norm"), nullptr);
  EXPECT_EQ(complete(defs, {{"clip_norm", 2.0}}, "optimizer 'sgd'").number("clip_norm"), 2.0);
  EXPECT_THROW(complete(defs, {{"clip_norm", -1.0}}, "optimizer 'sgd'"), Error);
}

}  // namespace
}  // namespace assay
