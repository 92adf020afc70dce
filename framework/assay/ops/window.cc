#include "assay/ops/window.h"

#include <fmt/format.h>

#include <limits>

#include "assay/core/error.h"

namespace assay {
namespace {

// Above this neither a stride nor an extent makes sense, and below it no product of two of them overflows.
constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();

// `extent` names the axis in messages: "height" or "width".
void count_windows(WindowAxis& axis, std::string_view extent) {
  if (axis.input > kLimit || axis.size > kLimit) {
    throw Error(fmt::format("a window of {} {} over an image of {} {}: the limit of both is {}", extent,
                            axis.size, extent, axis.input, kLimit));
  }
  if (axis.size < 1) throw Error(fmt::format("a window of {} {}: at least 1 is wanted", extent, axis.size));
  const std::int64_t padded = axis.before + axis.input + axis.after;
  if (axis.span() > padded) {
    const std::string span =
        axis.dilation == 1 ? "" : fmt::format(" (spanning {} by dilation {})", axis.span(), axis.dilation);
    throw Error(fmt::format("a window of {} {}{} does not fit into an image of {} {} with padding {} + {}",
                            extent, axis.size, span, extent, axis.input, axis.before, axis.after))
        .help("make the window smaller or the padding larger");
  }
  axis.output = (padded - axis.span()) / axis.stride + 1;
}

Window make_window(const Shape& x, std::int64_t height, std::int64_t width, const Fields& fields) {
  const auto& stride = fields.integers("stride");
  const auto& padding = fields.integers("padding");
  if (padding.size() != 4) {
    throw Error(
        fmt::format("padding has {} numbers, but [top, bottom, left, right] is wanted", padding.size()));
  }
  Window window;
  window.height = {
      .input = x[2], .size = height, .stride = stride[0], .before = padding[0], .after = padding[1]};
  window.width = {
      .input = x[3], .size = width, .stride = stride[1], .before = padding[2], .after = padding[3]};
  return window;
}

// The first window must reach into the image and the last one must begin in it; those between then do as
// well.
void require_image_in_windows(const WindowAxis& axis, std::string_view extent) {
  if (axis.input > 0 && axis.before < axis.size && axis.position(axis.output - 1, 0) < axis.input) return;
  throw Error(
      fmt::format("a pooling window of {} {} and stride {} would lie wholly in the padding of an image "
                  "of {} {} with padding {} + {}",
                  extent, axis.size, axis.stride, extent, axis.input, axis.before, axis.after))
      .help("make the padding smaller than the window");
}

}  // namespace

Window convolution_window(const Shape& x, std::int64_t kernel_height, std::int64_t kernel_width,
                          const Fields& fields) {
  Window window = make_window(x, kernel_height, kernel_width, fields);
  const auto& dilation = fields.integers("dilation");
  window.height.dilation = dilation[0];
  window.width.dilation = dilation[1];
  count_windows(window.height, "height");
  count_windows(window.width, "width");
  return window;
}

Window pooling_window(const Shape& x, const Fields& fields) {
  const auto& size = fields.integers("size");
  Window window = make_window(x, size[0], size[1], fields);
  count_windows(window.height, "height");
  count_windows(window.width, "width");
  require_image_in_windows(window.height, "height");
  require_image_in_windows(window.width, "width");
  return window;
}

FieldDef stride_field() {
  return {.name = "stride",
          .kind = FieldKind::pair,
          .summary = "from window to window, [height, width]",
          .fallback = std::vector<std::int64_t>{1, 1},
          .minimum = 1,
          .maximum = kLimit};
}

FieldDef padding_field() {
  return {.name = "padding",
          .kind = FieldKind::integers,
          .summary = "zeros around the image, [top, bottom, left, right]",
          .fallback = std::vector<std::int64_t>{0, 0, 0, 0},
          .minimum = 0,
          .maximum = kLimit};
}

}  // namespace assay
