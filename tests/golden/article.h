// The article's "General Backpropagation Algorithm", written once more as it stands there, on any scalar: the
// numbers that every backend is compared with. On Bound scalars it yields the values in quad and, beside
// each, how far a backend that keeps its contract may be off. It shares nothing with the framework's graphs
// or kernels.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace assay::golden {

template <class S>
struct Matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<S> values{};

  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), values(r * c) {}
  Matrix(std::size_t r, std::size_t c, std::vector<S> v) : rows(r), columns(c), values(std::move(v)) {}
  S& operator()(std::size_t r, std::size_t c) { return values[r * columns + c]; }
  const S& operator()(std::size_t r, std::size_t c) const { return values[r * columns + c]; }
};

/// A⁽ℓ⁾ = σ⁽ℓ⁾(A⁽ℓ⁻¹⁾ W⁽ℓ⁾ᵀ + b⁽ℓ⁾). The names are those of the layers in the experiment.
template <class S>
struct Level {
  std::string dense;
  std::string activation;       ///< the layer's name; empty where the level has none
  std::string activation_type;  ///< "sigmoid"
  Matrix<S> weight;             ///< [out, in]
  std::vector<S> bias;          ///< [out]
};

/// Every tensor of the pass, under its name in a trace. `functions` has activate(type, z) = σ(z) and
/// slope(type, z, a) = σ′(z), given a = σ(z) too.
///
/// The article's Δ leaves 1/B out until step 6; a trace holds Δ / B. Where B is a power of two, as in every
/// experiment here, the two differ by an exact scaling, and so do their rounding errors.
template <class S, class Functions>
std::map<std::string, Matrix<S>> backpropagate(const std::vector<Level<S>>& levels, const Matrix<S>& x,
                                               const Matrix<S>& y, const Functions& functions) {
  std::map<std::string, Matrix<S>> named;
  const std::size_t batch = x.rows;
  const S per_row = S(1.0 / static_cast<double>(batch));
  const auto scaled = [&](Matrix<S> m) {
    for (S& value : m.values) value *= per_row;
    return m;
  };
  // Steps 1 and 2.
  std::vector<Matrix<S>> z, a{x};
  for (const Level<S>& level : levels) {
    const Matrix<S>& in = a.back();
    Matrix<S> sums(batch, level.weight.rows);
    for (std::size_t i = 0; i < batch; ++i) {
      for (std::size_t o = 0; o < level.weight.rows; ++o) {
        S sum = level.bias[o];
        for (std::size_t k = 0; k < in.columns; ++k) sum += in(i, k) * level.weight(o, k);
        sums(i, o) = sum;
      }
    }
    Matrix<S> activated = sums;
    for (S& value : activated.values) {
      if (!level.activation.empty()) value = functions.activate(level.activation_type, value);
    }
    named.insert({level.dense + ".output", sums});
    if (!level.activation.empty()) named.insert({level.activation + ".output", activated});
    z.push_back(std::move(sums));
    a.push_back(std::move(activated));
  }
  // Step 3: L = 1/(2B) ‖Y − A⁽ᴸ⁾‖²_F.
  Matrix<S> error = a.back();
  S squares(0.0);
  for (std::size_t n = 0; n < error.values.size(); ++n) {
    error.values[n] -= y.values[n];
    squares += error.values[n] * error.values[n];
  }
  named.insert({"loss", Matrix<S>(1, 1, {S(0.5) * per_row * squares})});
  // Steps 4 and 5: Δ⁽ℓ⁾ = ∂L/∂A⁽ℓ⁾ ⊙ σ′⁽ℓ⁾(Z⁽ℓ⁾), ∂L/∂A⁽ℓ⁻¹⁾ = Δ⁽ℓ⁾ W⁽ℓ⁾.
  Matrix<S> cotangent = error;
  for (std::size_t l = levels.size(); l-- > 0;) {
    const Level<S>& level = levels[l];
    Matrix<S> delta = cotangent;
    if (!level.activation.empty()) {
      named.insert({"grad/" + level.activation + ".output", scaled(cotangent)});
      for (std::size_t n = 0; n < delta.values.size(); ++n) {
        delta.values[n] *= functions.slope(level.activation_type, z[l].values[n], a[l + 1].values[n]);
      }
    }
    named.insert({"grad/" + level.dense + ".output", scaled(delta)});
    // Step 6: ∂L/∂W = (1/B) Δᵀ A, which has the shape of W. (The article prints Aᵀ Δ, which is its
    // transpose.)
    Matrix<S> weight(level.weight.rows, level.weight.columns), bias(1, level.weight.rows);
    for (std::size_t o = 0; o < weight.rows; ++o) {
      S total(0.0);
      for (std::size_t i = 0; i < batch; ++i) total += delta(i, o);
      bias(0, o) = total;
      for (std::size_t k = 0; k < weight.columns; ++k) {
        S sum(0.0);
        for (std::size_t i = 0; i < batch; ++i) sum += delta(i, o) * a[l](i, k);
        weight(o, k) = sum;
      }
    }
    named.insert({"grad/" + level.dense + ".weight", scaled(weight)});
    named.insert({"grad/" + level.dense + ".bias", scaled(bias)});
    Matrix<S> below(batch, level.weight.columns);
    for (std::size_t i = 0; i < batch; ++i) {
      for (std::size_t k = 0; k < below.columns; ++k) {
        S sum(0.0);
        for (std::size_t o = 0; o < delta.columns; ++o) sum += delta(i, o) * level.weight(o, k);
        below(i, k) = sum;
      }
    }
    cotangent = std::move(below);
  }
  named.insert({"grad/input", scaled(cotangent)});
  return named;
}

}  // namespace assay::golden
