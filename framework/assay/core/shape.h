// Shape: the extents of a row-major tensor, and Spec: a shape with an element type. Values, never allocated
// on the heap.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "assay/core/dtype.h"

namespace assay {

/// Extents, outermost first; rank 0 is a scalar. Extents are >= 0 and their product fits std::int64_t.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  /// Throws Error for a negative extent, a rank above kMaxRank, or a product that overflows.
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const noexcept { return rank_; }
  /// REQUIRES: -rank() <= axis < rank(); a negative axis counts from the end.
  std::int64_t operator[](int axis) const noexcept { return extents_[axis < 0 ? axis + rank_ : axis]; }
  /// Number of elements; 1 for a scalar.
  std::int64_t count() const noexcept;
  /// Product of the extents of axes [first, last).
  std::int64_t count(int first, int last) const noexcept;
  std::span<const std::int64_t> extents() const noexcept {
    return {extents_.data(), static_cast<std::size_t>(rank_)};
  }

  /// This shape with `axis` set to `extent`.
  Shape with(int axis, std::int64_t extent) const;
  /// "[2, 3]".
  std::string to_string() const;

  /// The place of row-major element `element` on each axis.
  /// REQUIRES: 0 <= element < count().
  std::vector<std::int64_t> index(std::int64_t element) const;
  /// "[1, 0]": the same, for messages.
  std::string index_text(std::int64_t element) const;

  friend bool operator==(const Shape& a, const Shape& b) noexcept;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

/// The NumPy broadcast of two shapes. Throws Error naming both where they do not fit.
Shape broadcast(const Shape& a, const Shape& b);

/// What a value is, without its data.
struct Spec {
  DType dtype = DType::f32;
  Shape shape;

  std::int64_t count() const noexcept { return shape.count(); }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(count()) * size_of(dtype); }
  /// "f32[2, 3]".
  std::string to_string() const;
  friend bool operator==(const Spec&, const Spec&) = default;
};

}  // namespace assay
