// Augmentation: random changes of training images. Each is a pure function of (seed, epoch, sample): nothing
// depends on the order of the samples, on the batch size, or on what was drawn before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assay/core/random.h"
#include "assay/core/shape.h"
#include "assay/graph/fields.h"

namespace assay {

/// One step, by type and complete fields.
struct AugmentStep {
  std::string type;
  Fields fields;
};

struct AugmentDef {
  std::string type;
  std::string summary;
  std::vector<FieldDef> fields;
};

/// random_crop {padding}: `padding` pixels of zero (black, before normalisation) on every side, then a window
/// of the original size at a uniformly random place. horizontal_flip {probability}: left and right change
/// places.
std::vector<AugmentDef> augment_defs();

/// Where the pixels of one augmented image come from: output (row, column) is source (row + row_offset,
/// column_step · column + column_offset), and zero where that lies outside the image.
struct AugmentWindow {
  std::int64_t row_offset = 0;
  std::int64_t column_offset = 0;
  std::int64_t column_step = 1;  ///< 1, or −1 for a mirrored image
};

/// Steps applied one after the other.
class Augmentation {
 public:
  Augmentation() = default;
  /// Throws Error for an unknown type (with the nearest), fields that do not complete, or a type given twice.
  explicit Augmentation(const std::vector<AugmentStep>& steps);

  bool empty() const noexcept { return kinds_.empty(); }
  /// Throws Error unless samples of this shape are images [channels, height, width].
  void check(const Shape& sample) const;
  /// The window of a sample in images of `width` columns.
  AugmentWindow draw(std::uint64_t seed, std::uint32_t epoch, std::uint32_t sample,
                     std::int64_t width) const noexcept;

 private:
  enum class Kind : std::uint8_t { random_crop, horizontal_flip };
  std::vector<Kind> kinds_;
  std::uint32_t crop_stream_ = stream_id("augment/random_crop");
  std::uint32_t flip_stream_ = stream_id("augment/horizontal_flip");
  std::uint32_t padding_ = 0;
  double flip_probability_ = 0;
};

}  // namespace assay
