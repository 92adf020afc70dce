// Convolution by minimal filtering on every scalar: what a plan that computes by that algebra is judged by.
// No op of the reference runs on it.
//
// F(m, r) computes m outputs of a filter of r taps by α = m + r − 1 products instead of m · r
// (Winograd 1980, "Arithmetic complexity of computations"; for convolutional networks Lavin & Gray 2016):
//
//   y = Aᵀ [(G w) ⊙ (Bᵀ x)],  in two dimensions  Y = Aᵀ [(G W Gᵀ) ⊙ (Bᵀ X B)] A
//
// with polynomials in the α − 1 points a_i and infinity; M(t) = Π_j (t − a_j), N_i = Π_{j≠i} (a_i − a_j):
//
//   A[i][k] = a_i^k;  G[i][k] = a_i^k / N_i;  Bᵀ[i][l] = the coefficient of t^l in M(t) / (t − a_i)
//   and for infinity A[m − 1] = G[r − 1] = 1, Bᵀ[l] = the coefficient of t^l in M(t)
//
// Its errors are those of sums with larger terms than a convolution has, which grow with the points (Barabasz
// et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep neural networks").
#pragma once

#include <vector>

#include "assay/program/backend.h"

namespace assay {

/// F(m × m, r × r): m outputs and points a_0 … a_{m + r − 3}, dyadic rationals.
struct MinimalFiltering {
  std::int64_t outputs = 0;
  std::vector<double> points{};
};

/// The algebra of conv2d and its two derivatives, each product over the channels or over the tiles summed in
/// any order; an activation behind it is none of its business. For stride 1, dilation 1, one group and a
/// square kernel of as many taps as the points are for; no kernel elsewhere.
Algebra winograd(const MinimalFiltering& filtering);

}  // namespace assay
