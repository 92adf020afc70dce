// A data source: points of concentric rings in the plane, labelled by ring. Random numbers are functions of
// (seed, stream, sample, element), so that the same file and seed give the same points everywhere.
#include <assay/plugin.h>

#include <cmath>
#include <numbers>

using namespace assay;

namespace {

SplitDataset load(const DataContext& context) {
  const std::int64_t count = context.fields.integer("count"), classes = context.fields.integer("classes");
  const double noise = context.fields.number("noise");
  const RandomStream stream{context.seed, stream_id("rings")};
  Dataset data;
  data.inputs = Tensor({DType::f64, Shape{count, 2}});
  data.targets = Tensor({DType::i32, Shape{count}});
  data.classes = classes;
  const auto x = data.inputs.as<double>();
  const auto label = data.targets.as<std::int32_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto sample = static_cast<std::uint32_t>(i);
    const auto at = static_cast<std::size_t>(i);
    label[at] = static_cast<std::int32_t>(i % classes);
    const double radius = label[at] + 1 + noise * random_normal(stream, 0, sample, 0);
    const double angle = 2 * std::numbers::pi * random_uniform(stream, 0, sample, 1);
    x[2 * at] = radius * std::cos(angle);
    x[2 * at + 1] = radius * std::sin(angle);
  }
  return {std::move(data)};
}

}  // namespace

ASSAY_PLUGIN("rings", "1.0", registry) {
  DataSourceDef rings;
  rings.name = "rings";
  rings.summary = "concentric rings in the plane, of radius 1, 2, …, with noise";
  rings.fields = {
      {.name = "count",
       .kind = FieldKind::integer,
       .summary = "points",
       .fallback = std::int64_t{600},
       .minimum = 1},
      {.name = "classes",
       .kind = FieldKind::integer,
       .summary = "rings",
       .fallback = std::int64_t{3},
       .minimum = 2},
      {.name = "noise", .summary = "standard deviation of the radius", .fallback = 0.1, .minimum = 0}};
  rings.load = load;
  registry.add_data_source(std::move(rings));
}
