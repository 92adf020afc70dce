#include "assay/core/shape.h"

#include <algorithm>

#include "assay/core/error.h"

namespace assay {
namespace {

std::string bracketed(std::span<const std::int64_t> numbers) {
  std::string text = "[";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(numbers[i]);
  }
  return text + "]";
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > kMaxRank) {
    throw Error("a tensor of rank " + std::to_string(extents.size()) + " is above the limit of " +
                std::to_string(kMaxRank));
  }
  rank_ = static_cast<int>(extents.size());
  std::copy(extents.begin(), extents.end(), extents_.begin());
  // Overflow is judged on the non-zero extents, so that a prefix product of an empty tensor is safe too.
  std::int64_t product = 1;
  for (std::int64_t extent : extents) {
    if (extent < 0) throw Error("negative extent in shape " + to_string());
    if (extent != 0 && __builtin_mul_overflow(product, extent, &product)) {
      throw Error("the element count of shape " + to_string() + " overflows 64 bits");
    }
  }
}

std::int64_t Shape::count() const noexcept { return count(0, rank_); }

std::int64_t Shape::count(int first, int last) const noexcept {
  std::int64_t product = 1;
  for (int axis = first; axis < last; ++axis) product *= extents_[axis];
  return product;
}

Shape Shape::with(int axis, std::int64_t extent) const {
  Shape changed = *this;
  changed.extents_[axis < 0 ? axis + rank_ : axis] = extent;
  return Shape(changed.extents());
}

std::string Shape::to_string() const { return bracketed(extents()); }

std::vector<std::int64_t> Shape::index(std::int64_t element) const {
  std::vector<std::int64_t> place(static_cast<std::size_t>(rank_));
  for (int axis = rank_ - 1; axis >= 0; --axis) {
    place[static_cast<std::size_t>(axis)] = element % extents_[axis];
    element /= extents_[axis];
  }
  return place;
}

std::string Shape::index_text(std::int64_t element) const { return bracketed(index(element)); }

bool operator==(const Shape& a, const Shape& b) noexcept {
  return std::ranges::equal(a.extents(), b.extents());
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  for (int back = 1; back <= rank; ++back) {
    const std::int64_t m = back <= a.rank() ? a[-back] : 1;
    const std::int64_t n = back <= b.rank() ? b[-back] : 1;
    if (m != n && m != 1 && n != 1) {
      throw Error("shapes " + a.to_string() + " and " + b.to_string() + " do not broadcast: axis -" +
                  std::to_string(back) + " has " + std::to_string(m) + " and " + std::to_string(n));
    }
    extents[rank - back] = m == 1 ? n : m;
  }
  return Shape(std::span<const std::int64_t>(extents.data(), rank));
}

std::string Spec::to_string() const { return std::string(name_of(dtype)) + shape.to_string(); }

}  // namespace assay
