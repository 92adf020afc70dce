#include "assay/data/augment.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/core/error.h"

namespace assay {
namespace {

constexpr double kMostPadding = 1 << 16;

}  // namespace

std::vector<AugmentDef> augment_defs() {
  return {{"random_crop",
           "pads with zeros, then cuts the original size out at a random place",
           {{.name = "padding",
             .kind = FieldKind::integer,
             .summary = "pixels on every side",
             .required = true,
             .minimum = 0,
             .maximum = kMostPadding}}},
          {"horizontal_flip",
           "mirrors left and right",
           {{.name = "probability",
             .kind = FieldKind::number,
             .summary = "of a sample to be mirrored",
             .fallback = 0.5,
             .minimum = 0,
             .maximum = 1}}}};
}

Augmentation::Augmentation(const std::vector<AugmentStep>& steps) {
  const std::vector<AugmentDef> defs = augment_defs();
  for (const AugmentStep& step : steps) {
    const auto def = std::ranges::find(defs, step.type, &AugmentDef::type);
    if (def == defs.end()) {
      std::vector<std::string> known;
      for (const AugmentDef& each : defs) known.push_back(each.type);
      throw Error(fmt::format("unknown augmentation '{}'", step.type))
          .help(suggestion("augmentation", step.type, known));
    }
    const Fields fields = complete(def->fields, step.fields, fmt::format("augmentation '{}'", step.type));
    const Kind kind = step.type == "random_crop" ? Kind::random_crop : Kind::horizontal_flip;
    if (std::ranges::find(kinds_, kind) != kinds_.end())
      throw Error(fmt::format("augmentation '{}' is given twice", step.type));
    if (kind == Kind::random_crop) padding_ = static_cast<std::uint32_t>(fields.integer("padding"));
    if (kind == Kind::horizontal_flip) flip_probability_ = fields.number("probability");
    kinds_.push_back(kind);
  }
}

void Augmentation::check(const Shape& sample) const {
  if (empty() || sample.rank() == 3) return;
  throw Error(fmt::format("augmentation needs images [channels, height, width], but a sample has shape {}",
                          sample.to_string()))
      .help("remove augment, or load the data as images");
}

AugmentWindow Augmentation::draw(std::uint64_t seed, std::uint32_t epoch, std::uint32_t sample,
                                 std::int64_t width) const noexcept {
  AugmentWindow window;
  for (const Kind kind : kinds_) {
    // `window` maps an image to its source. A further step looks at that image through its own map, so the
    // two compose.
    if (kind == Kind::random_crop) {
      const std::uint32_t places = 2 * padding_ + 1;
      const auto shift = [&](std::uint32_t axis) {
        return static_cast<std::int64_t>(random_below({seed, crop_stream_}, epoch, sample, axis, places)) -
               padding_;
      };
      window.row_offset += shift(0);
      window.column_offset += window.column_step * shift(1);
    } else if (random_uniform({seed, flip_stream_}, epoch, sample, 0) < flip_probability_) {
      window.column_offset += window.column_step * (width - 1);
      window.column_step = -window.column_step;
    }
  }
  return window;
}

}  // namespace assay
