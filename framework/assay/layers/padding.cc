#include "assay/layers/padding.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {

std::array<std::int64_t, 2> same_padding(std::int64_t extent, const Window& window) {
  const std::int64_t count = (extent + window.stride - 1) / window.stride;
  const std::int64_t total = std::max<std::int64_t>((count - 1) * window.stride + window.span() - extent, 0);
  return {total / 2, total - total / 2};
}

std::vector<std::int64_t> resolve_padding(const FieldValue& padding, const Shape& images,
                                          const Window& vertical, const Window& horizontal,
                                          std::string_view window) {
  const std::int64_t height = images[2], width = images[3];
  std::vector<std::int64_t> sides(4, 0);
  if (const auto* given = std::get_if<std::vector<std::int64_t>>(&padding)) {
    sides = *given;
  } else if (std::get<std::string>(padding) == "same") {
    const auto [top, bottom] = same_padding(height, vertical);
    const auto [left, right] = same_padding(width, horizontal);
    sides = {top, bottom, left, right};
  }
  if (height + sides[0] + sides[1] < vertical.span() || width + sides[2] + sides[3] < horizontal.span()) {
    throw Error(fmt::format("the input is {} × {}, with padding {} × {}, but the {} covers {} × {}", height,
                            width, height + sides[0] + sides[1], width + sides[2] + sides[3], window,
                            vertical.span(), horizontal.span()))
        .help(fmt::format("use a smaller {}, or padding: same", window));
  }
  return sides;
}

}  // namespace assay
