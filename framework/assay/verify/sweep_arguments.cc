#include "assay/verify/sweep_arguments.h"

#include <bit>
#include <cmath>
#include <limits>

#include "assay/core/random.h"

namespace assay::verify {
namespace {

constexpr RandomStream kStream{1, 0};

// Neighbours on either side of every multiple of ½ up to 128, where exponentials overflow and underflow and
// pieces of functions meet; and of 0 and ±1, where logarithms and differences cancel.
constexpr int kNear = 64, kNearRoot = 20000;
constexpr int kHalves = 256;

void add_neighbours(std::vector<float>& all, float centre, int neighbours) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float below = centre, above = centre;
  all.push_back(centre);
  for (int i = 0; i < neighbours; ++i) {
    all.push_back(below = std::nextafter(below, -kInfinity));
    all.push_back(above = std::nextafter(above, kInfinity));
  }
}

// Every exponent of finite numbers, biased, subnormal numbers among them; and those of magnitudes from 2⁻³⁰
// to 2⁹, where no function has left its range yet, kOrdinary times as often.
constexpr std::uint64_t kExponents = 2047, kOrdinaryExponents = 40, kOrdinary = 32;
constexpr std::int64_t kGrid = 4000;
constexpr double kGridStep = 0.18871;

}  // namespace

FloatArguments::FloatArguments(std::uint64_t stride)
    : stride_(stride), patterns_(((std::uint64_t{1} << 32) + stride - 1) / stride) {
  if (stride == 1) return;
  for (int half = -kHalves; half <= kHalves; ++half) {
    const bool root = half == 0 || half == 2 || half == -2;
    add_neighbours(near_, 0.5f * static_cast<float>(half), root ? kNearRoot : kNear);
  }
}

float FloatArguments::operator[](std::uint64_t i) const {
  if (i < patterns_) return std::bit_cast<float>(static_cast<std::uint32_t>(i * stride_));
  return near_[i - patterns_];
}

DoubleArguments::DoubleArguments(std::uint32_t significands) : significands_(significands) {}

std::uint64_t DoubleArguments::count() const {
  return 2 * significands_ * (kExponents + kOrdinary * kOrdinaryExponents) + 2 * kGrid + 1;
}

double DoubleArguments::operator[](std::uint64_t i) const {
  if (i < 2 * kGrid + 1) return static_cast<double>(static_cast<std::int64_t>(i) - kGrid) * kGridStep;
  i -= 2 * kGrid + 1;
  const auto words = random_bits(kStream, 0, 0, static_cast<std::uint32_t>(i));
  const std::uint64_t significand = (std::uint64_t{words[0]} << 32 | words[1]) >> 12, sign = i % 2;
  const std::uint64_t which = i / 2 / significands_;
  const std::uint64_t exponent =
      which < kExponents ? which : 1023 - 30 + (which - kExponents) % kOrdinaryExponents;
  return std::bit_cast<double>(sign << 63 | exponent << 52 | significand);
}

}  // namespace assay::verify
