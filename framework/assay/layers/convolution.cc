// conv2d: padding by name becomes four numbers here; the op knows only those.
#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/layers/layers.h"
#include "assay/layers/padding.h"
#include "assay/ops/conv.h"

namespace assay {
namespace {

FieldDef pair_field(std::string name, std::string summary, std::int64_t fallback) {
  return {.name = std::move(name),
          .kind = FieldKind::pair,
          .summary = std::move(summary),
          .fallback = std::vector<std::int64_t>{fallback, fallback},
          .minimum = 1};
}

FieldDef count_field(std::string name, std::string summary) {
  return {.name = std::move(name),
          .kind = FieldKind::integer,
          .summary = std::move(summary),
          .required = true,
          .minimum = 1};
}

void require_divisible(std::int64_t channels, std::string_view what, std::int64_t groups) {
  if (channels % groups == 0) return;
  throw Error(fmt::format("{} {} do not fall into {} equal groups", channels, what, groups))
      .help(fmt::format("let groups divide both the channels of the input and the filters"));
}

Value build_conv2d(LayerBuilder& layer) {
  const Value x = image_input(layer);
  const Fields& fields = layer.fields();
  const std::int64_t channels = x.shape()[1], filters = fields.integer("filters"),
                     groups = fields.integer("groups");
  require_divisible(channels, "channels", groups);
  require_divisible(filters, "filters", groups);

  const auto& kernel = fields.integers("kernel");
  const auto& stride = fields.integers("stride");
  const auto& dilation = fields.integers("dilation");
  const auto padding = resolve_padding(
      *fields.find("padding"),
      {.input = x.shape()[2], .size = kernel[0], .stride = stride[0], .dilation = dilation[0]},
      {.input = x.shape()[3], .size = kernel[1], .stride = stride[1], .dilation = dilation[1]}, "kernel");

  const std::int64_t area = kernel[0] * kernel[1];
  const Fans fans{channels / groups * area, filters * area};
  const Value weight = layer.parameter("weight", Shape{filters, channels / groups, kernel[0], kernel[1]},
                                       {.type = "fan_in_uniform"}, fans);
  Value bias;
  if (fields.boolean("bias"))
    bias = layer.parameter("bias", Shape{filters}, {.type = "fan_in_uniform"}, fans);
  return conv2d(x, weight, bias,
                {{"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"groups", groups}});
}

}  // namespace

void register_convolution_layers(LayerTable& layers, const std::string& owner) {
  LayerDef def;
  def.name = "conv2d";
  def.summary = "filters that slide over an image (cross-correlation, as in every framework)";
  def.formula = "y[o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] x[c, i s + u d, j s + v d]";
  def.fields = {
      count_field("filters", "channels that come out"),
      {.name = "kernel",
       .kind = FieldKind::pair,
       .summary = "extent of a filter",
       .required = true,
       .minimum = 1},
      pair_field("stride", "pixels between two positions of a filter", 1),
      {.name = "padding",
       .kind = FieldKind::padding,
       .summary =
           "zeros around the image; same: output = ⌈input / stride⌉, an odd zero at the bottom or right",
       .fallback = std::string("valid"),
       .minimum = 0},
      pair_field("dilation", "pixels between two elements of a filter", 1),
      {.name = "groups",
       .kind = FieldKind::integer,
       .summary = "channels and filters in equal groups that do not mix; as many as channels: depthwise",
       .fallback = std::int64_t{1},
       .minimum = 1},
      {.name = "bias", .kind = FieldKind::boolean, .summary = "add b", .fallback = true}};
  def.parameters = {{"weight", "[out, in/groups, kh, kw]", "fan_in_uniform"},
                    {"bias", "[out]", "fan_in_uniform"}};
  def.build = build_conv2d;
  layers.add(def.name, def, owner);
}

}  // namespace assay
