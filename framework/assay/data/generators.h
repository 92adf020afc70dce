// Generated data sets. Every number is a pure function of (seed, quantity, sample, element) by core/random.h,
// so that a data set of more samples begins with those of a smaller one. u is uniform in [0, 1), n standard
// normal, drawn anew wherever they stand.
#pragma once

#include <cstdint>

#include "assay/data/dataset.h"

namespace assay {

/// The four points (0, 0), (0, 1), (1, 0), (1, 1) with their exclusive or: inputs f64 [4, 2], targets f64 [4,
/// 1].
Dataset make_xor();

/// Arms of a spiral that turns once: sample i is of class k = i mod classes; t = u, φ = 2π (k / classes + t),
/// x = (t cos φ + noise · n, t sin φ + noise · n). Inputs f64 [count, 2], labels. REQUIRES: classes >= 1.
Dataset make_spirals(std::uint64_t seed, std::int64_t count, std::int64_t classes, double noise);

/// Two half circles that interlock (scikit-learn's make_moons): sample i is of class k = i mod 2; θ = π u;
/// x = (cos θ, sin θ) for k = 0 and (1 − cos θ, 1/2 − sin θ) for k = 1, each plus noise · n. Inputs f64
/// [count, 2], labels.
Dataset make_moons(std::uint64_t seed, std::int64_t count, double noise);

/// Gaussian blobs: sample i is of class k = i mod classes; x_j = c_kj + spread · n, with centres c_kj = 20 u
/// − 10. Inputs f64 [count, features], labels.
Dataset make_blobs(std::uint64_t seed, std::int64_t count, std::int64_t classes, std::int64_t features,
                   double spread);

/// Regression to a random teacher network: x = n; y = W₂ tanh(W₁ x + b₁) + noise · n, with W₁ = n / √inputs,
/// b₁ = n and W₂ = n / √hidden. Inputs f64 [count, inputs], targets f64 [count, outputs].
Dataset make_teacher(std::uint64_t seed, std::int64_t count, std::int64_t inputs, std::int64_t outputs,
                     std::int64_t hidden, double noise);

/// Numbers without meaning, for measuring: inputs n, f32 [count, ...shape], and labels uniform over the
/// classes.
Dataset make_synthetic(std::uint64_t seed, std::int64_t count, const Shape& shape, std::int64_t classes);

}  // namespace assay
