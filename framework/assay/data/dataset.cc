#include "assay/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "assay/core/error.h"
#include "assay/data/file.h"
#include "assay/data/stored_array.h"

namespace assay {
namespace {

constexpr std::int64_t kMostRows = std::numeric_limits<std::int32_t>::max();  // sample indices are i32

// [N] as [N, 1]: one feature, or one value, per sample.
Tensor with_sample_axis(Tensor tensor) {
  if (tensor.shape().rank() != 1) return tensor;
  const Shape column{tensor.shape()[0], 1};
  return std::move(tensor).reshaped(column);
}

// Every integer of 32 bits is a double; every byte is a float.
Tensor as_values(Tensor tensor, const std::filesystem::path& path) {
  if (!is_real(tensor.dtype())) {
    const DType real = tensor.dtype() == DType::u8 ? DType::f32 : DType::f64;
    Tensor values = file::allocate({real, tensor.shape()}, path);
    convert(tensor.view(), values.view());
    return with_sample_axis(std::move(values));
  }
  return with_sample_axis(std::move(tensor));
}

Tensor as_labels(const Tensor& tensor, const std::filesystem::path& path) {
  const Shape& shape = tensor.shape();
  if (shape.rank() != 1 && !(shape.rank() == 2 && shape[1] == 1)) {
    file::fail(path,
               fmt::format("class labels have shape {}, but one label per sample ([N]) is wanted",
                           shape.to_string()),
               "one-hot rows become labels with numpy.argmax(y, axis=1)");
  }
  Tensor labels = file::allocate({DType::i32, Shape{shape[0]}}, path);
  const auto target = labels.as<std::int32_t>();
  for (std::int64_t i = 0; i < labels.count(); ++i) {
    const double value = element(tensor.view(), i);
    if (!(value >= 0 && value <= std::numeric_limits<std::int32_t>::max() && value == std::floor(value))) {
      file::fail(path, fmt::format("label {} of sample {} is no class: labels are 0, 1, 2, ...", value, i),
                 "number the classes from 0, or set target_kind: number");
    }
    target[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(value);
  }
  return labels;
}

template <class T>
void check_finite(const Tensor& tensor, std::string_view what, const std::filesystem::path& path) {
  const auto values = tensor.as<T>();
  const auto bad = std::ranges::find_if(values, [](T x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  file::fail(
      path,
      fmt::format("element {} of the {} is {}", tensor.shape().index_text(bad - values.begin()), what, *bad),
      "remove the sample, or replace the value");
}

void check_finite(const Tensor& tensor, std::string_view what, const std::filesystem::path& path) {
  if (tensor.dtype() == DType::f32) check_finite<float>(tensor, what, path);
  if (tensor.dtype() == DType::f64) check_finite<double>(tensor, what, path);
}

Tensor take(const Tensor& tensor, std::span<const std::int32_t> rows) {
  Tensor taken(Spec{tensor.dtype(), tensor.shape().with(0, static_cast<std::int64_t>(rows.size()))});
  const std::size_t row_bytes =
      static_cast<std::size_t>(tensor.shape().count(1, tensor.shape().rank())) * size_of(tensor.dtype());
  const auto source = tensor.view().bytes();
  auto target = taken.view().bytes().begin();
  for (const std::int32_t row : rows) {
    target =
        std::ranges::copy(source.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes), target).out;
  }
  return taken;
}

Shape without_rows(const Tensor& tensor) {
  const auto extents = tensor.shape().extents();
  return extents.empty() ? Shape() : Shape(extents.subspan(1));
}

}  // namespace

Shape Dataset::input_shape() const { return without_rows(inputs); }
Shape Dataset::target_shape() const { return without_rows(targets); }

TargetReading parse_target_reading(std::string_view name) {
  if (name == "auto") return TargetReading::automatic;
  if (name == "number") return TargetReading::number;
  if (name == "label") return TargetReading::label;
  const std::vector<std::string> known{"auto", "number", "label"};
  throw Error(fmt::format("unknown target kind '{}'", name)).help(suggestion("kind", name, known));
}

Dataset make_dataset(Tensor inputs, Tensor targets, TargetReading kind, const std::filesystem::path& path) {
  for (const auto& [tensor, what] : {std::pair(&inputs, "inputs"), std::pair(&targets, "targets")}) {
    if (tensor->shape().rank() == 0)
      file::fail(path, fmt::format("the {} are a single number, not a list of samples", what));
  }
  Dataset data;
  const bool labels =
      kind == TargetReading::label ||
      (kind == TargetReading::automatic && targets.shape().rank() == 1 && !is_real(targets.dtype()));
  data.inputs = with_sample_axis(std::move(inputs));
  data.targets = labels ? as_labels(targets, path) : as_values(std::move(targets), path);
  if (labels && data.targets.count() > 0) {
    data.classes = std::int64_t{1} + std::ranges::max(std::as_const(data.targets).as<std::int32_t>());
  }
  check(data, path);
  return data;
}

void check(const Dataset& data, const std::filesystem::path& path) {
  const std::int64_t rows = data.rows();
  const std::int64_t target_rows = data.targets.shape().rank() > 0 ? data.targets.shape()[0] : 0;
  if (rows != target_rows) {
    file::fail(path,
               fmt::format("{} inputs (shape {}), but {} targets (shape {})", rows,
                           data.inputs.shape().to_string(), target_rows, data.targets.shape().to_string()),
               "inputs and targets need one row per sample");
  }
  if (rows == 0) file::fail(path, "the data set has no samples");
  if (rows > kMostRows)
    file::fail(path, fmt::format("{} samples are above the limit of {}", rows, kMostRows));
  if (data.inputs.count() == 0) {
    file::fail(path, fmt::format("the inputs have no values: shape {}", data.inputs.shape().to_string()));
  }
  if (data.targets.count() == 0) {
    file::fail(path, fmt::format("the targets have no values: shape {}", data.targets.shape().to_string()));
  }
  check_finite(data.inputs, "inputs", path);
  check_finite(data.targets, "targets", path);
  if (!data.has_labels()) return;
  const auto labels = data.targets.as<std::int32_t>();
  const auto bad =
      std::ranges::find_if(labels, [&](std::int32_t label) { return label < 0 || label >= data.classes; });
  if (bad != labels.end()) {
    file::fail(path, fmt::format("label {} of sample {} is out of range: there are {} classes, 0 to {}", *bad,
                                 bad - labels.begin(), data.classes, data.classes - 1));
  }
  if (!data.class_names.empty() && static_cast<std::int64_t>(data.class_names.size()) != data.classes) {
    file::fail(path, fmt::format("{} class names for {} classes", data.class_names.size(), data.classes));
  }
}

void check_parts(SplitDataset& data, const std::filesystem::path& path) {
  for (auto* part : {&data.validation, &data.test}) {
    if (!*part) continue;
    const auto describe = [](const Dataset& d) {
      return fmt::format("inputs {} and {}", d.input_shape().to_string(),
                         d.has_labels() ? "labels" : fmt::format("targets {}", d.target_shape().to_string()));
    };
    const Dataset& other = **part;
    if (other.input_shape() != data.train.input_shape() ||
        other.target_shape() != data.train.target_shape() || other.has_labels() != data.train.has_labels()) {
      file::fail(path,
                 fmt::format("the training set has {} per sample, the {} set has {}", describe(data.train),
                             part == &data.test ? "test" : "validation", describe(other)));
    }
    data.train.classes = std::max(data.train.classes, other.classes);
  }
  if (data.validation) data.validation->classes = data.train.classes;
  if (data.test) data.test->classes = data.train.classes;
}

void check_labels_below(const Dataset& data, std::int64_t classes, std::string_view model) {
  if (!data.has_labels() || data.classes <= classes) return;
  const auto labels = data.targets.as<std::int32_t>();
  const auto bad = std::ranges::find_if(labels, [&](std::int32_t label) { return label >= classes; });
  if (bad == labels.end()) return;
  throw Error(fmt::format("label {} of sample {} is out of range: {} has {} outputs, for labels 0 to {}",
                          *bad, bad - labels.begin(), model, classes, classes - 1))
      .help(fmt::format("give it {} outputs, or mend the labels", data.classes));
}

std::string SplitDataset::identity() const {
  std::string all = train.identity;
  for (const std::optional<Dataset>* part : {&validation, &test}) {
    if (*part) all += " " + (*part)->identity;
  }
  return all;
}

Dataset take_rows(const Dataset& data, std::span<const std::int32_t> rows) {
  Dataset taken;
  taken.inputs = take(data.inputs, rows);
  taken.targets = take(data.targets, rows);
  taken.classes = data.classes;
  taken.class_names = data.class_names;
  taken.transform = data.transform;
  taken.identity = data.identity;
  return taken;
}

}  // namespace assay
