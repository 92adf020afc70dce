// padding: same, against the two cases in which TensorFlow documents it (tf.nn, "Notes on padding").
#include <gtest/gtest.h>

#include <algorithm>

#include "assay/core/error.h"
#include "assay/layers/padding.h"

namespace assay {
namespace {

using Sides = std::array<std::int64_t, 2>;
using Padding = std::vector<std::int64_t>;

// pad = max(span − stride, 0) where stride divides the extent, else max(span − extent mod stride, 0).
Sides documented(const WindowAxis& window) {
  const std::int64_t rest = window.input % window.stride;
  const std::int64_t total = std::max<std::int64_t>(window.span() - (rest == 0 ? window.stride : rest), 0);
  return {total / 2, total - total / 2};
}

TEST(Padding, SameIsTensorFlows) {
  for (std::int64_t extent = 1; extent <= 13; ++extent) {
    for (std::int64_t size = 1; size <= 6; ++size) {
      for (std::int64_t stride = 1; stride <= 5; ++stride) {
        for (std::int64_t dilation = 1; dilation <= 3; ++dilation) {
          const WindowAxis window{.input = extent, .size = size, .stride = stride, .dilation = dilation};
          const Sides sides = same_padding(window);
          SCOPED_TRACE(::testing::Message()
                       << extent << " by " << size << " stride " << stride << " dilation " << dilation);
          EXPECT_EQ(sides, documented(window));
          const std::int64_t windows = (extent + sides[0] + sides[1] - window.span()) / stride + 1;
          EXPECT_EQ(windows, (extent + stride - 1) / stride);
        }
      }
    }
  }
}

TEST(Padding, OddZeroStandsBehind) {
  EXPECT_EQ(same_padding({.input = 13, .size = 6, .stride = 5}), (Sides{1, 2}));  // TensorFlow's own example
  EXPECT_EQ(same_padding({.input = 28, .size = 3, .stride = 2}), (Sides{0, 1}));
  EXPECT_EQ(same_padding({.input = 28, .size = 3, .stride = 1}), (Sides{1, 1}));
  EXPECT_EQ(same_padding({.input = 5, .size = 2, .stride = 3}), (Sides{0, 0}));
  EXPECT_EQ(same_padding({.input = 1, .size = 5, .stride = 1}), (Sides{2, 2}));
}

TEST(Padding, ResolvesEverySpelling) {
  const WindowAxis height{.input = 8, .size = 3, .stride = 2}, width{.input = 6, .size = 4};
  const auto resolve = [&](const FieldValue& padding) {
    return resolve_padding(padding, height, width, "kernel");
  };
  EXPECT_EQ(resolve(std::string("valid")), (Padding{0, 0, 0, 0}));
  EXPECT_EQ(resolve(std::string("same")), (Padding{0, 1, 1, 2}));
  EXPECT_EQ(resolve(Padding{1, 2, 3, 4}), (Padding{1, 2, 3, 4}));
}

TEST(Padding, AWindowBeyondTheImageIsAnErrorWithBothSides) {
  try {
    resolve_padding(std::string("valid"), {.input = 4, .size = 3, .dilation = 2},
                    {.input = 9, .size = 3, .dilation = 2}, "kernel");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "error: the input is 4 × 9, with padding 4 × 9, but the kernel covers 5 × 5\n"
                 " = help: use a smaller kernel, or padding: same\n");
  }
}

}  // namespace
}  // namespace assay
