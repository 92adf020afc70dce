#include "assay/data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "assay/core/error.h"
#include "assay/core/parallel.h"
#include "assay/data/permutation.h"

namespace assay {
namespace {

constexpr std::int64_t kByteValues = 256;
constexpr std::int64_t kMostTables = 64;  // beyond, a table would no longer stay in the cache
// Values for a thread at least: handing work to it costs about a microsecond, copying as many some more.
constexpr std::int64_t kShare = 16384;

void expect_spec(const TensorView& view, const Spec& wanted, std::string_view what) {
  if (view.spec == wanted) return;
  throw Error(fmt::format("the buffer for {} is {}, but the batch is {}", what, view.spec.to_string(),
                          wanted.to_string()));
}

void expect_shape(const TensorView& view, const Shape& wanted, std::string_view what) {
  if (view.spec.shape == wanted) return;
  throw Error(fmt::format("the buffer for {} has shape {}, but the batch has {}", what,
                          view.spec.shape.to_string(), wanted.to_string()));
}

[[noreturn]] void refuse_dtype(const TensorView& view, DType from, std::string_view what,
                               std::string_view why) {
  throw Error(fmt::format("{} of dtype {} cannot be written into a buffer of {}{}", what, name_of(from),
                          name_of(view.spec.dtype), why));
}

// Values of row `rows[r]` of `source` into row r of `target`.
template <class From, class To>
void gather(const Tensor& source, std::span<const std::int32_t> rows, To* target) {
  const auto row_size = source.shape().count(1, source.shape().rank());
  for (const std::int32_t row : rows) {
    const From* values = source.as<From>().data() + row * row_size;
    target = std::transform(values, values + row_size, target, [](From x) { return static_cast<To>(x); });
  }
}

}  // namespace

Batches::Batches(const Dataset& data, BatchOptions options)
    : data_(data), options_(std::move(options)), order_(static_cast<std::size_t>(data.rows())) {
  if (options_.batch_size < 1) throw Error(fmt::format("a batch size of {} is below 1", options_.batch_size));
  options_.augmentation.check(data.input_shape());
  const Shape& shape = data.inputs.shape();
  channels_ = shape[1];
  plane_ = shape.count(2, shape.rank());
  const InputTransform& transform = data.transform;
  has_transform_ = transform.divisor != 1 || !transform.mean.empty() || !transform.std.empty();
  const bool same = transform.mean.size() <= 1 && transform.std.size() <= 1;
  if (same && options_.augmentation.empty())
    plane_ *= std::exchange(channels_, 1);  // one run of values per sample
  if (data.inputs.dtype() == DType::u8) {
    table_channels_ = same ? 1 : channels_ <= kMostTables ? channels_ : 0;
    for (std::int64_t c = 0; c < table_channels_; ++c) {
      for (std::int64_t byte = 0; byte < kByteValues; ++byte)
        table_f64_.push_back(transformed(static_cast<double>(byte), c));
    }
    table_f32_.assign(table_f64_.begin(), table_f64_.end());
  }
  start_epoch(0);
}

std::int64_t Batches::count() const noexcept {
  return (data_.rows() + options_.batch_size - 1) / options_.batch_size;
}

std::int64_t Batches::batch_rows(std::int64_t k) const noexcept {
  return std::min(options_.batch_size, data_.rows() - k * options_.batch_size);
}

void Batches::start_epoch(std::uint32_t epoch) {
  epoch_ = epoch;
  if (options_.shuffle) {
    fill_permutation(order_, {options_.seed, stream_id("data/shuffle")}, epoch);
  } else {
    std::iota(order_.begin(), order_.end(), 0);
  }
}

double Batches::transformed(double x, std::int64_t channel) const noexcept {
  const auto of_channel = [&](const std::vector<double>& values, double otherwise) {
    if (values.empty()) return otherwise;
    return values.size() == 1 ? values.front() : values[static_cast<std::size_t>(channel)];
  };
  return (x / data_.transform.divisor - of_channel(data_.transform.mean, 0)) /
         of_channel(data_.transform.std, 1);
}

template <class To>
const std::vector<To>& Batches::table() const noexcept {
  if constexpr (std::is_same_v<To, float>) {
    return table_f32_;
  } else {
    return table_f64_;
  }
}

void Batches::fill(std::int64_t k, const TensorView& inputs, const TensorView& targets,
                   const TensorView& sample_indices) const {
  const std::int64_t rows = batch_rows(k);
  const auto chosen = std::span(order_).subspan(static_cast<std::size_t>(k * options_.batch_size),
                                                static_cast<std::size_t>(rows));
  expect_shape(inputs, data_.inputs.shape().with(0, rows), "inputs");
  expect_shape(targets, data_.targets.shape().with(0, rows), "targets");
  expect_spec(sample_indices, {DType::i32, Shape{rows}}, "sample indices");
  std::ranges::copy(chosen, sample_indices.as<std::int32_t>().begin());

  switch (data_.inputs.dtype()) {
    case DType::f32:
      fill_from<float>(chosen, inputs);
      break;
    case DType::f64:
      fill_from<double>(chosen, inputs);
      break;
    case DType::i32:
      fill_from<std::int32_t>(chosen, inputs);
      break;
    case DType::u8:
      fill_from<std::uint8_t>(chosen, inputs);
      break;
    default:
      refuse_dtype(inputs, data_.inputs.dtype(), "inputs", "");
  }

  const DType from = data_.targets.dtype();
  const DType to = targets.spec.dtype;
  if (from == DType::i32 && to == DType::i32) {
    gather<std::int32_t>(data_.targets, chosen, targets.as<std::int32_t>().data());
  } else if (from == DType::f32 && to == DType::f32) {
    gather<float>(data_.targets, chosen, targets.as<float>().data());
  } else if (from == DType::f32 && to == DType::f64) {
    gather<float>(data_.targets, chosen, targets.as<double>().data());
  } else if (from == DType::f64 && to == DType::f32) {
    gather<double>(data_.targets, chosen, targets.as<float>().data());
  } else if (from == DType::f64 && to == DType::f64) {
    gather<double>(data_.targets, chosen, targets.as<double>().data());
  } else {
    refuse_dtype(targets, from, "targets",
                 from == DType::i32 ? ": they are class labels" : ": they are values, not labels");
  }
}

template <class From>
void Batches::fill_from(std::span<const std::int32_t> rows, const TensorView& inputs) const {
  const DType to = inputs.spec.dtype;
  if (to == DType::f32) return fill_as<From, float>(rows, inputs);
  if (to == DType::f64) return fill_as<From, double>(rows, inputs);
  if constexpr (std::is_integral_v<From>) {
    if (to == data_.inputs.dtype() && !has_transform_) return fill_as<From, From>(rows, inputs);
    if (to == DType::i32 && !has_transform_) return fill_as<From, std::int32_t>(rows, inputs);
  }
  refuse_dtype(inputs, data_.inputs.dtype(), "inputs",
               has_transform_ ? ": they are scaled or normalised" : "");
}

template <class From, class To>
void Batches::fill_as(std::span<const std::int32_t> rows, const TensorView& inputs) const {
  const std::int64_t row_size = channels_ * plane_, count = static_cast<std::int64_t>(rows.size());
  // Kernels share a batch alike, and find most rows of their part in the cache of their processor.
  const int threads = count * row_size < kShare * options_.threads ? 1 : options_.threads;
  in_parallel(threads, count, [&](std::int64_t begin, std::int64_t end) {
    fill_rows<From>(rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                    inputs.as<To>().data() + begin * row_size);
  });
}

template <class From, class To>
void Batches::fill_rows(std::span<const std::int32_t> rows, To* target) const {
  const std::int64_t row_size = channels_ * plane_;
  for (const std::int32_t row : rows) {
    const From* source = data_.inputs.as<From>().data() + row * row_size;
    AugmentWindow window;
    if (!options_.augmentation.empty()) {
      window = options_.augmentation.draw(options_.seed, epoch_, static_cast<std::uint32_t>(row),
                                          data_.inputs.shape()[-1]);
    }
    for (std::int64_t c = 0; c < channels_; ++c, source += plane_, target += plane_) {
      if constexpr (std::is_same_v<From, std::uint8_t> && std::is_floating_point_v<To>) {
        if (table_channels_ > 0) {
          const To* entries = table<To>().data() + (table_channels_ > 1 ? c * kByteValues : 0);
          fill_channel(source, target, window, [entries](From x) { return entries[x]; });
          continue;
        }
      }
      if (has_transform_) {
        fill_channel(source, target, window,
                     [this, c](From x) { return static_cast<To>(transformed(static_cast<double>(x), c)); });
      } else if (std::is_same_v<From, To> && options_.augmentation.empty()) {
        std::copy_n(source, plane_, target);
      } else {
        fill_channel(source, target, window, [](From x) { return static_cast<To>(x); });
      }
    }
  }
}

// One channel of one sample, `value` applied to each element. Without augmentation the window is the whole.
template <class From, class To, class Value>
void Batches::fill_channel(const From* source, To* target, const AugmentWindow& window, Value value) const {
  if (options_.augmentation.empty()) {
    for (std::int64_t i = 0; i < plane_; ++i) target[i] = value(source[i]);
    return;
  }
  const std::int64_t height = data_.inputs.shape()[2];
  const std::int64_t width = data_.inputs.shape()[3];
  const To zero = value(From{0});
  for (std::int64_t row = 0; row < height; ++row) {
    const std::int64_t source_row = row + window.row_offset;
    const bool inside = source_row >= 0 && source_row < height;
    for (std::int64_t column = 0; column < width; ++column) {
      const std::int64_t source_column = window.column_step * column + window.column_offset;
      const bool seen = inside && source_column >= 0 && source_column < width;
      *target++ = seen ? value(source[source_row * width + source_column]) : zero;
    }
  }
}

}  // namespace assay
