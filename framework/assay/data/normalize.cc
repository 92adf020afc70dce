#include "assay/data/normalize.h"

#include <fmt/format.h>

#include <cmath>

#include "assay/core/error.h"

namespace assay {
namespace {

template <class T, class F>
void for_each_value(const Dataset& data, F f) {
  const Shape& shape = data.inputs.shape();
  const std::int64_t channels = shape[1];
  const std::int64_t plane = shape.count(2, shape.rank());
  const T* value = data.inputs.as<T>().data();
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < plane; ++i) f(static_cast<std::size_t>(c), static_cast<double>(*value++));
    }
  }
}

template <class F>
void visit_inputs(const Dataset& data, F f) {
  switch (data.inputs.dtype()) {
    case DType::f32:
      return for_each_value<float>(data, f);
    case DType::f64:
      return for_each_value<double>(data, f);
    case DType::i32:
      return for_each_value<std::int32_t>(data, f);
    default:
      return for_each_value<std::uint8_t>(data, f);
  }
}

void check_count(const std::vector<double>& values, std::string_view what, const Dataset& data) {
  const auto channels = static_cast<std::size_t>(data.inputs.shape()[1]);
  if (values.empty() || values.size() == 1 || values.size() == channels) return;
  throw Error(fmt::format("normalize: {} has {} values, but inputs of shape {} have {} channels", what,
                          values.size(), data.input_shape().to_string(), channels))
      .help("give one value per channel (images) or feature (tables), or one for all");
}

}  // namespace

std::vector<FieldDef> normalize_fields() {
  return {
      {.name = "mean",
       .kind = FieldKind::numbers,
       .summary = "subtracted: one per channel or feature, or one for all; pixels lie in [0, 1] (default 0)",
       .optional = true},
      {.name = "std",
       .kind = FieldKind::numbers,
       .summary = "divided by, likewise (default 1)",
       .optional = true},
      {.name = "statistics",
       .kind = FieldKind::choice,
       .summary = "given: mean and std as written; train: computed per channel from the training data",
       .fallback = std::string("given"),
       .choices = {"given", "train"}}};
}

NormalizeOptions normalize_options(const Fields& fields) {
  NormalizeOptions options;
  options.from_training_data = fields.text("statistics") == "train";
  if (fields.find("mean") != nullptr) options.mean = fields.numbers("mean");
  if (fields.find("std") != nullptr) options.std = fields.numbers("std");
  if (options.from_training_data && !(options.mean.empty() && options.std.empty())) {
    throw Error("normalize: mean and std are given, but statistics: train computes them")
        .help("remove one or the other");
  }
  return options;
}

InputTransform channel_statistics(const Dataset& data) {
  const Shape& shape = data.inputs.shape();
  const auto channels = static_cast<std::size_t>(shape[1]);
  const double count = static_cast<double>(shape.count()) / static_cast<double>(channels);
  const double divisor = data.transform.divisor;
  InputTransform statistics{
      .divisor = divisor, .mean = std::vector<double>(channels), .std = std::vector<double>(channels)};
  // Two passes: the deviations are summed around the mean, which does not cancel.
  visit_inputs(data, [&](std::size_t c, double x) { statistics.mean[c] += x / divisor; });
  for (double& mean : statistics.mean) mean /= count;
  visit_inputs(data, [&](std::size_t c, double x) {
    const double deviation = x / divisor - statistics.mean[c];
    statistics.std[c] += deviation * deviation;
  });
  for (double& std : statistics.std) std = std::sqrt(std / count);
  return statistics;
}

void normalize(SplitDataset& data, const NormalizeOptions& options) {
  InputTransform transform{.divisor = data.train.transform.divisor, .mean = options.mean, .std = options.std};
  if (options.from_training_data) transform = channel_statistics(data.train);
  check_count(transform.mean, "mean", data.train);
  check_count(transform.std, "std", data.train);
  for (std::size_t c = 0; c < transform.mean.size(); ++c) {
    if (!std::isfinite(transform.mean[c]))
      throw Error(fmt::format("normalize: mean {} of channel {} is not finite", transform.mean[c], c));
  }
  for (std::size_t c = 0; c < transform.std.size(); ++c) {
    if (transform.std[c] > 0 && std::isfinite(transform.std[c])) continue;
    throw Error(fmt::format("normalize: std {} of channel {} is not positive", transform.std[c], c))
        .help(options.from_training_data
                  ? "the channel is constant in the training data: remove it, or give mean and std"
                  : "");
  }
  data.train.transform = transform;
  if (data.validation) data.validation->transform = transform;
  if (data.test) data.test->transform = transform;
}

}  // namespace assay
