// The arguments at which functions of one variable are tried. Without gaps in f32 that is every bit pattern;
// otherwise a stride of all of them, and every number around the points where functions bend, cancel or leave
// their range. f64 has too many for either: every exponent, and a grid.
#pragma once

#include <cstdint>
#include <vector>

namespace assay::verify {

class FloatArguments {
 public:
  /// Every stride-th bit pattern; a prime meets many significands at every exponent. 1: all of them.
  explicit FloatArguments(std::uint64_t stride);
  std::uint64_t count() const { return patterns_ + near_.size(); }
  float operator[](std::uint64_t i) const;

 private:
  std::uint64_t stride_;
  std::uint64_t patterns_;
  std::vector<float> near_;  // runs of neighbours
};

class DoubleArguments {
 public:
  /// So many significands at every exponent of either sign.
  explicit DoubleArguments(std::uint32_t significands);
  std::uint64_t count() const;
  double operator[](std::uint64_t i) const;

 private:
  std::uint32_t significands_;
};

}  // namespace assay::verify
