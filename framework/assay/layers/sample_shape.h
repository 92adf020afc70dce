// A batch is the first axis of every value in a model. Messages and configurations speak of one sample.
#pragma once

#include <cstdint>
#include <vector>

#include "assay/core/shape.h"

namespace assay {

/// [B, d…] → [d…]. REQUIRES: rank >= 1.
inline Shape without_batch(const Shape& shape) { return Shape(shape.extents().subspan(1)); }

/// [d…] → [batch, d…]. Throws Error where the product overflows or the rank passes Shape::kMaxRank.
inline Shape with_batch(std::int64_t batch, const Shape& sample) {
  std::vector<std::int64_t> extents{batch};
  extents.insert(extents.end(), sample.extents().begin(), sample.extents().end());
  return Shape(extents);
}

}  // namespace assay
