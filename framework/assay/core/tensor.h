// Tensor: an owned, 64-byte aligned, row-major buffer with a Spec; TensorView: the same without ownership.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "assay/core/shape.h"

namespace assay {

inline constexpr std::size_t kAlignment = 64;

/// Bytes that belong to somebody else. REQUIRES for typed access: T is the C++ type of spec.dtype.
struct TensorView {
  void* data = nullptr;
  Spec spec;

  template <class T>
  std::span<T> as() const noexcept {
    return {static_cast<T*>(data), static_cast<std::size_t>(spec.count())};
  }
  std::span<std::byte> bytes() const noexcept { return {static_cast<std::byte*>(data), spec.bytes()}; }
};

/// Movable owner of one buffer; a copy is asked for by clone(). New tensors hold zeros.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Spec spec);
  Tensor(Tensor&&) noexcept;
  Tensor& operator=(Tensor&&) noexcept;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor();

  Tensor clone() const;
  /// A tensor of its own with what `view` shows.
  static Tensor copy_of(const TensorView& view);
  /// This buffer under another shape. Throws Error if the counts differ.
  Tensor reshaped(const Shape& shape) &&;
  const Spec& spec() const noexcept { return spec_; }
  const Shape& shape() const noexcept { return spec_.shape; }
  DType dtype() const noexcept { return spec_.dtype; }
  std::int64_t count() const noexcept { return spec_.count(); }
  void* data() const noexcept { return data_; }
  TensorView view() const noexcept { return {data_, spec_}; }

  template <class T>
  std::span<T> as() noexcept {
    return view().as<T>();
  }
  template <class T>
  std::span<const T> as() const noexcept {
    return {static_cast<const T*>(data_), static_cast<std::size_t>(spec_.count())};
  }

  /// A tensor of `dtype` with these values, converted (see convert()). Throws Error if the counts differ.
  static Tensor of(DType dtype, Shape shape, std::span<const double> values);

 private:
  Spec spec_;
  void* data_ = nullptr;
};

/// Aligned storage of `bytes` bytes, zeroed; free with release_aligned(). Throws Error when memory is out.
void* allocate_aligned(std::size_t bytes);
void release_aligned(void* memory) noexcept;

/// Element-wise conversion into an equally shaped view of any dtype; real to real rounds to nearest, to a
/// dual sets the derivative to zero, to i32/u8/lattice truncates. Throws Error if the shapes differ.
void convert(const TensorView& from, const TensorView& to);

/// All elements as double (rounded, for wider types).
std::vector<double> to_doubles(const TensorView& tensor);

/// Element `index` as double. REQUIRES: 0 <= index < count.
double element(const TensorView& tensor, std::int64_t index);

}  // namespace assay
