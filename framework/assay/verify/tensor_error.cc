#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "assay/core/quad.h"
#include "assay/verify/experiment.h"

namespace assay::verify {
namespace {

// The distance from |x| to the next number of the format, at least the smallest subnormal.
template <class T>
Quad ulp_of(const Quad& x) {
  const T rounded = static_cast<T>(std::abs(static_cast<T>(static_cast<double>(x))));
  if (!std::isfinite(rounded)) return Quad(static_cast<double>(std::numeric_limits<T>::max()));
  return Quad(static_cast<double>(std::nextafter(rounded, std::numeric_limits<T>::infinity()))) -
         Quad(static_cast<double>(rounded));
}

template <class T>
TensorError compare(std::span<const T> got, std::span<const Quad> exact) {
  TensorError error;
  std::vector<double> ulps;
  Quad distance(0), norm(0);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Quad apart = abs(Quad(Quad(static_cast<double>(got[i])) - exact[i]));
    ulps.push_back(static_cast<double>(Quad(apart / ulp_of<T>(exact[i]))));
    distance += apart * apart;
    norm += exact[i] * exact[i];
  }
  if (ulps.empty()) return error;
  // A NaN is as far away as can be.
  for (double& u : ulps) u = std::isnan(u) ? std::numeric_limits<double>::infinity() : u;
  const auto middle = ulps.begin() + static_cast<std::ptrdiff_t>(ulps.size() / 2);
  std::nth_element(ulps.begin(), middle, ulps.end());
  error.median_ulp = *middle;
  error.largest_ulp = *std::max_element(ulps.begin(), ulps.end());
  error.normwise = norm == Quad(0) ? (distance == Quad(0) ? 0.0 : std::numeric_limits<double>::infinity())
                                   : std::sqrt(static_cast<double>(Quad(distance / norm)));
  return error;
}

}  // namespace

TensorError error_of(const TensorView& got, const TensorView& exact) {
  const std::span<const Quad> reference = exact.as<Quad>();
  if (got.spec.dtype == DType::f32) return compare<float>(got.as<float>(), reference);
  return compare<double>(got.as<double>(), reference);
}

}  // namespace assay::verify
