// An orthonormal basis from a random matrix, deterministically and to working precision.
#pragma once

#include <cstddef>
#include <span>

namespace assay {

/// Replaces a row-major rows × columns matrix A by the orthonormal factor of its QR decomposition with diag R
/// > 0 (of Aᵀ, transposed back, where rows < columns). With normally distributed A the result is distributed
/// by Haar's measure (Mezzadri 2007, "How to generate random matrices from the classical compact groups").
///
/// By Householder reflections: orthogonal to a multiple of the unit roundoff however ill-conditioned A is
/// (Higham 2002, section 19.3). REQUIRES: matrix.size() == rows · columns > 0.
void orthonormalize(std::span<double> matrix, std::size_t rows, std::size_t columns);

}  // namespace assay
