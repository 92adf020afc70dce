// Σ (xᵢ − μ)² about the mean of the xᵢ, as a variance needs it: a function of its own because its error
// analysis needs to know that μ is the mean.
//
// Taken term by term, an error δ of the computed mean costs 2|xᵢ − μ| δ in every square, to first order in δ.
// Of the sum it costs nothing to first order: about any μ̂,
//
//   Σ (xᵢ − μ̂)² = Σ (xᵢ − μ)² + 2 (μ − μ̂) Σ (xᵢ − μ) + n (μ − μ̂)²,   Σ (xᵢ − μ) = 0
//
// (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", section 3: the two-pass
// formula).
#pragma once

#include "assay/core/bound.h"

namespace assay {

/// `for_each(f)` calls f(x) with each x. REQUIRES: μ is the mean of what it calls f with.
template <class T, class ForEach>
T centred_squares(const T& mean, ForEach for_each) {
  T squares = T(0);
  for_each([&](const T& x) { squares += (x - mean) * (x - mean); });
  return squares;
}

/// With eᵢ the error of xᵢ and δ that of μ, what is summed is Σ (xᵢ + εᵢ − μ̂)², |εᵢ| ≤ eᵢ, which the identity
/// puts within 2 Σ |dᵢ| eᵢ + 2δ |Σ dᵢ| + Σ (eᵢ + δ)² of Σ dᵢ², dᵢ = xᵢ − μ. (Σ dᵢ is 0 but for the rounding
/// of the wide format.) Each square has three roundings, and their sum as many additions as there are.
template <class W, class N, class ForEach>
Bound<W, N> centred_squares(const Bound<W, N>& mean, ForEach for_each) {
  using B = Bound<W, N>;
  const double delta = mean.error();
  W squares(0), distances(0);
  double moved = 0, count = 0;
  for_each([&](const B& x) {
    const W d = x.value - mean.value;
    const double e = x.error();
    squares += d * d;
    distances += d;
    moved += 2 * B::size_of(d) * e + (e + delta) * (e + delta);
    count += 1;
  });
  moved += 2 * delta * B::size_of(distances);
  const double three = 3 * B::unit();
  B sum;
  sum.value = squares;
  sum.terms = moved + three / (1 - three) * (B::size_of(squares) + moved) + count * B::underflow();
  sum.magnitude = B::size_of(squares) + sum.terms;
  sum.height = count;
  return sum;
}

}  // namespace assay
