#include "assay/layers/padding.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {

std::array<std::int64_t, 2> same_padding(const WindowAxis& axis) {
  const std::int64_t count = (axis.input + axis.stride - 1) / axis.stride;
  const std::int64_t total = std::max<std::int64_t>((count - 1) * axis.stride + axis.span() - axis.input, 0);
  return {total / 2, total - total / 2};
}

std::vector<std::int64_t> resolve_padding(const FieldValue& padding, const WindowAxis& height,
                                          const WindowAxis& width, std::string_view window) {
  std::vector<std::int64_t> sides(4, 0);
  if (const auto* given = std::get_if<std::vector<std::int64_t>>(&padding)) {
    sides = *given;
  } else if (std::get<std::string>(padding) == "same") {
    const auto [top, bottom] = same_padding(height);
    const auto [left, right] = same_padding(width);
    sides = {top, bottom, left, right};
  }
  const std::int64_t padded_height = height.input + sides[0] + sides[1];
  const std::int64_t padded_width = width.input + sides[2] + sides[3];
  if (padded_height < height.span() || padded_width < width.span()) {
    throw Error(fmt::format("the input is {} × {}, with padding {} × {}, but the {} covers {} × {}",
                            height.input, width.input, padded_height, padded_width, window, height.span(),
                            width.span()))
        .help(fmt::format("use a smaller {}, or padding: same", window));
  }
  return sides;
}

}  // namespace assay
