#include "assay/layers/orthogonal.h"

#include <cmath>
#include <utility>
#include <vector>

namespace assay {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// H = I − τ v vᵀ with τ = 2 / vᵀv: orthogonal for every v, so rounding in the making of v does no harm.
struct Reflector {
  std::vector<double> v;
  double tau = 0.0;

  // Maps x to ∓‖x‖ e₁, away from x₁ so that nothing cancels; the identity for x = 0.
  explicit Reflector(std::span<const double> x) : v(x.begin(), x.end()) {
    v[0] += std::copysign(std::sqrt(dot(x, x)), x[0]);
    const double squared = dot(v, v);
    if (squared > 0.0) tau = 2.0 / squared;
  }

  void apply(std::span<double> x) const {
    const double beta = tau * dot(v, x);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] -= beta * v[i];
  }
};

}  // namespace

void orthonormalize(std::span<double> matrix, std::size_t rows, std::size_t columns) {
  // The vectors to orthonormalise, each contiguous: columns of a tall matrix, rows of a wide one.
  const bool tall = rows >= columns;
  const std::size_t length = tall ? rows : columns, count = tall ? columns : rows;
  const auto at = [&](std::size_t vector, std::size_t i) -> double& {
    return tall ? matrix[i * columns + vector] : matrix[vector * columns + i];
  };
  std::vector<std::vector<double>> vectors(count, std::vector<double>(length));
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t i = 0; i < length; ++i) vectors[k][i] = at(k, i);
  }

  std::vector<Reflector> reflectors;
  std::vector<double> signs(count);
  for (std::size_t k = 0; k < count; ++k) {
    reflectors.emplace_back(std::span(vectors[k]).subspan(k));
    for (std::size_t j = k; j < count; ++j) reflectors[k].apply(std::span(vectors[j]).subspan(k));
    signs[k] = std::copysign(1.0, vectors[k][k]);  // of R's diagonal
  }

  // Q eₖ = H₀ H₁ … Hₖ eₖ: later reflectors leave eₖ alone.
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<double> q(length, 0.0);
    q[k] = signs[k];
    for (std::size_t j = k + 1; j-- > 0;) reflectors[j].apply(std::span(q).subspan(j));
    for (std::size_t i = 0; i < length; ++i) at(k, i) = q[i];
  }
}

}  // namespace assay
