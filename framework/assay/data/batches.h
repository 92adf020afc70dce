// Batches: a data set cut into batches, in an order that is a pure function of (seed, epoch), gathered,
// converted, normalised and augmented into buffers of the caller.
#pragma once

#include <cstdint>
#include <vector>

#include "assay/core/tensor.h"
#include "assay/data/augment.h"
#include "assay/data/dataset.h"

namespace assay {

struct BatchOptions {
  std::int64_t batch_size = 1;
  std::uint64_t seed = 0;
  bool shuffle = false;  ///< else the order of the data set, in every epoch
  Augmentation augmentation{};
  int threads = 1;  ///< that share the rows of a large batch; the values are the same on any number
};

class Batches {
 public:
  /// `data` outlives the batches. Throws Error for a batch size below 1, or augmentation of what are no
  /// images.
  Batches(const Dataset& data, BatchOptions options);

  /// Batches per epoch: the last one may be smaller, and none is empty.
  std::int64_t count() const noexcept;
  /// Rows of batch k: the batch size, but for the last one. REQUIRES: 0 <= k < count().
  std::int64_t batch_rows(std::int64_t k) const noexcept;

  /// Arranges the samples for `epoch`. Epoch 0 is arranged by the constructor. Allocates nothing.
  void start_epoch(std::uint32_t epoch);

  /// Writes batch k of the current epoch, allocating nothing.
  ///   inputs          f32 or f64 [rows, ...input_shape]: the transform in double, then rounded; or, where
  ///   the
  ///                   data set has integers and no transform, i32 or u8, as they are
  ///   targets         f32 or f64 [rows, ...target_shape]; i32 [rows] for labels
  ///   sample_indices  i32 [rows]: which rows of the data set
  /// Throws Error naming both sides where a view has another shape, or a dtype that the values cannot be
  /// written in.
  void fill(std::int64_t k, const TensorView& inputs, const TensorView& targets,
            const TensorView& sample_indices) const;

 private:
  template <class From>
  void fill_from(std::span<const std::int32_t> rows, const TensorView& inputs) const;
  template <class From, class To>
  void fill_as(std::span<const std::int32_t> rows, const TensorView& inputs) const;
  template <class From, class To>
  void fill_rows(std::span<const std::int32_t> rows, To* target) const;
  template <class From, class To, class Value>
  void fill_channel(const From* source, To* target, const AugmentWindow& window, Value value) const;
  double transformed(double x, std::int64_t channel) const noexcept;
  template <class To>
  const std::vector<To>& table() const noexcept;

  const Dataset& data_;
  BatchOptions options_;
  std::uint32_t epoch_ = 0;
  std::vector<std::int32_t> order_;
  std::int64_t channels_ = 1;
  std::int64_t plane_ = 1;  ///< values per channel
  bool has_transform_ = false;
  /// What each byte becomes, [channel, 256]; one channel where all have the same transform, none where they
  /// are too many.
  std::int64_t table_channels_ = 0;
  std::vector<float> table_f32_;
  std::vector<double> table_f64_;
};

}  // namespace assay
