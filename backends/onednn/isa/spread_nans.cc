// What the library's softmax loses: its exponential makes a NaN 0, and its maximum passes over it.
#include "backends/onednn/isa/spread_nans.h"

#include <string.h>

#include "backends/onednn/isa/parallel.h"

namespace assay::onednn::ASSAY_ISA {
namespace {

// By their bits: a comparison of floats may be left out where the compiler is told that there are none.
bool has_nan(const float* x, std::int64_t count, std::int64_t step) {
  std::uint32_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    memcpy(&bits, x + i * step, sizeof bits);
    found |= (bits & 0x7fffffffu) > 0x7f800000u ? 1u : 0u;
  }
  return found != 0;
}

}  // namespace

void spread_nans(const Lines& lines, const float* x, float* y) noexcept {
  const std::int64_t block = lines.extent * lines.after;
  in_parallel(block * lines.before < 16384 ? 1 : lines.threads, lines.before,
              [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t b = begin; b < end; ++b) {
                  if (!has_nan(x + b * block, block, 1)) continue;
                  for (std::int64_t a = 0; a < lines.after; ++a) {
                    const std::int64_t first = b * block + a;
                    if (!has_nan(x + first, lines.extent, lines.after)) continue;
                    for (std::int64_t i = 0; i < lines.extent; ++i)
                      y[first + i * lines.after] = __builtin_nanf("");
                  }
                }
              });
}

}  // namespace assay::onednn::ASSAY_ISA
