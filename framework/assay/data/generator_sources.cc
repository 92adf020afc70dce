// The generated data sets as data sources: their fields, and nothing of their formulas (see generators.h).
#include "assay/data/generators.h"
#include "assay/data/source.h"

namespace assay {
namespace {

constexpr double kMostSamples = 2147483647;  // sample indices are i32

FieldDef integer(std::string name, std::string summary, std::int64_t fallback, double minimum = 1) {
  return {.name = std::move(name),
          .kind = FieldKind::integer,
          .summary = std::move(summary),
          .fallback = fallback,
          .minimum = minimum,
          .maximum = kMostSamples};
}

FieldDef deviation(std::string name, std::string summary, double fallback) {
  return {.name = std::move(name),
          .kind = FieldKind::number,
          .summary = std::move(summary),
          .fallback = fallback,
          .minimum = 0};
}

FieldDef count_field() { return integer("count", "samples", 1000); }

}  // namespace

std::vector<DataSourceDef> generator_sources() {
  const auto noise = [](double fallback) {
    return deviation("noise", "standard deviation of the noise", fallback);
  };
  return {
      {"xor",
       "the exclusive or of two bits: four points with targets [4, 1]",
       {},
       [](const DataContext&) { return SplitDataset{make_xor()}; }},
      {"spirals",
       "arms of a spiral in the plane: phi = 2 pi (k/classes + t), x = t (cos phi, sin phi) + noise",
       {count_field(), noise(0.02), integer("classes", "arms", 2)},
       [](const DataContext& context) {
         const Fields& f = context.fields;
         return SplitDataset{
             make_spirals(context.seed, f.integer("count"), f.integer("classes"), f.number("noise"))};
       }},
      {"moons",
       "two half circles in the plane that interlock: (cos a, sin a) and (1 - cos a, 1/2 - sin a), + noise",
       {count_field(), noise(0.1)},
       [](const DataContext& context) {
         return SplitDataset{
             make_moons(context.seed, context.fields.integer("count"), context.fields.number("noise"))};
       }},
      {"blobs",
       "gaussian blobs around centres that are uniform in [-10, 10]",
       {count_field(), integer("classes", "blobs", 3), integer("features", "dimensions", 2),
        deviation("spread", "standard deviation of a blob", 1)},
       [](const DataContext& context) {
         const Fields& f = context.fields;
         return SplitDataset{make_blobs(context.seed, f.integer("count"), f.integer("classes"),
                                        f.integer("features"), f.number("spread"))};
       }},
      {"teacher",
       "regression to a random network: y = W2 tanh(W1 x + b1) + noise",
       {count_field(), integer("inputs", "features", 8), integer("outputs", "targets", 1),
        integer("hidden", "units of the teacher", 16), noise(0)},
       [](const DataContext& context) {
         const Fields& f = context.fields;
         return SplitDataset{make_teacher(context.seed, f.integer("count"), f.integer("inputs"),
                                          f.integer("outputs"), f.integer("hidden"), f.number("noise"))};
       }},
      {"synthetic",
       "random normal inputs and random labels, for measuring speed",
       {count_field(),
        {.name = "shape",
         .kind = FieldKind::integers,
         .summary = "of one sample",
         .fallback = std::vector<std::int64_t>{1, 28, 28},
         .minimum = 1,
         .maximum = kMostSamples},
        integer("classes", "classes", 10)},
       [](const DataContext& context) {
         const Fields& f = context.fields;
         return SplitDataset{make_synthetic(context.seed, f.integer("count"),
                                            Shape(std::span<const std::int64_t>(f.integers("shape"))),
                                            f.integer("classes"))};
       }},
  };
}

}  // namespace assay
