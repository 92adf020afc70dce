// Initialisers: exact draws, bounds from probability theory, orthogonality within its rounding bound, and
// messages.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "assay/core/error.h"
#include "assay/core/quad.h"
#include "assay/layers/initializer.h"
#include "assay/layers/orthogonal.h"

namespace assay {
namespace {

constexpr double kUnitRoundoff = std::numeric_limits<double>::epsilon() / 2;

class InitializerTest : public ::testing::Test {
 protected:
  InitializerTest() { register_initializers(table_, "built-in"); }

  std::vector<double> draw(const InitializerConfig& config, const Shape& shape, Fans fans,
                           std::uint64_t seed = 0, std::string_view name = "hidden.weight",
                           DType dtype = DType::f64) {
    const InitializerConfig full = complete_initializer(table_, config, name, shape);
    return to_doubles(initial_value(table_, full, name, shape, fans, seed, dtype).view());
  }
  std::string error_of(const InitializerConfig& config, const Shape& shape) {
    try {
      complete_initializer(table_, config, "out.bias", shape);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  InitializerTable table_{"initializer"};
};

TEST_F(InitializerTest, ConstantsAreExact) {
  EXPECT_EQ(draw({.type = "zeros"}, Shape{2}, {}), (std::vector<double>{0, 0}));
  EXPECT_EQ(draw({.type = "ones"}, Shape{2}, {}), (std::vector<double>{1, 1}));
  EXPECT_EQ(draw({.type = "constant", .fields = {{"value", -0.3}}}, Shape{2}, {}),
            (std::vector<double>{-0.3, -0.3}));
  EXPECT_EQ(draw({.given = Array{Shape{2, 1}, {0.5, -0.3}}}, Shape{2, 1}, {}),
            (std::vector<double>{0.5, -0.3}));
}

// Each uniform initialiser is a stretched draw of random_uniform; with these fans the bounds are roots of
// exact numbers.
TEST_F(InitializerTest, UniformOnesStretchTheDraws) {
  struct Row {
    const char* type;
    double bound;
  };
  const Fans fans{8, 24};
  const Row table[] = {{"fan_in_uniform", std::sqrt(1.0 / 8)},
                       {"glorot_uniform", std::sqrt(6.0 / 32)},
                       {"he_uniform", std::sqrt(6.0 / 8)},
                       {"lecun_uniform", std::sqrt(3.0 / 8)}};
  const RandomStream stream{42, stream_id("init/hidden.weight")};
  for (const Row& row : table) {
    const auto values = draw({.type = row.type}, Shape{3, 8}, fans, 42);
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      const double unit = random_uniform(stream, 0, 0, i);
      EXPECT_EQ(values[i], -row.bound + (row.bound + row.bound) * unit) << row.type << " " << i;
    }
  }
}

TEST_F(InitializerTest, NormalOnesStretchTheDraws) {
  struct Row {
    const char* type;
    double std;
  };
  const Row table[] = {{"glorot_normal", std::sqrt(2.0 / 32)},
                       {"he_normal", std::sqrt(2.0 / 8)},
                       {"lecun_normal", std::sqrt(1.0 / 8)}};
  const RandomStream stream{42, stream_id("init/hidden.weight")};
  for (const Row& row : table) {
    const auto values = draw({.type = row.type}, Shape{3, 8}, {8, 24}, 42);
    for (std::uint32_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(values[i], row.std * random_normal(stream, 0, 0, i)) << row.type << " " << i;
  }
}

// Published weights depend on these numbers: a change of stream, counter or conversion must not pass unseen.
TEST_F(InitializerTest, DrawsStayWhatTheyWere) {
  const auto values = draw({.type = "uniform"}, Shape{3}, {}, 1);
  const double known[] = {0x1.9457f9120f0fep-1, 0x1.80c9a64272c89p-1, 0x1.1d29a136ee05cp-2};
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(values[i], known[i]) << std::hexfloat << values[i];
}

// Deviations that a right sampler shows with probability below 2e−12 (x = 28: 2 e^{−28}), once and for all
// for this seed. Uniform on an interval of width d: |mean − μ| ≤ d √(x / 2N) by Hoeffding. Normal: |Σ z² − N|
// ≤ 2 √(N x) + 2 x by Laurent and Massart 2000, lemma 1.
TEST_F(InitializerTest, DrawsHaveTheMomentsOfTheirLaw) {
  constexpr double x = 28;
  const Shape shape{64, 128};
  const double n = 64 * 128;
  const auto uniform = draw({.type = "uniform", .fields = {{"low", -1.0}, {"high", 3.0}}}, shape, {});
  double mean = 0, smallest = 3, largest = -1;
  for (const double w : uniform) {
    mean += w / n;
    smallest = std::min(smallest, w);
    largest = std::max(largest, w);
  }
  EXPECT_LE(std::abs(mean - 1.0), 4 * std::sqrt(x / (2 * n)));
  EXPECT_GE(smallest, -1.0);
  EXPECT_LT(largest, 3.0);
  // No draw within ε of an end: probability (1 − ε/d)^N < e^{−x} for ε = d x / N.
  EXPECT_LE(smallest, -1.0 + 4 * x / n);
  EXPECT_GE(largest, 3.0 - 4 * x / n);

  const auto normal = draw({.type = "he_normal"}, shape, {128, 64});
  double squares = 0, sum = 0;
  for (const double w : normal) {
    squares += w * w / (2.0 / 128);
    sum += w / std::sqrt(2.0 / 128);
  }
  EXPECT_LE(std::abs(squares - n), 2 * std::sqrt(n * x) + 2 * x);
  EXPECT_LE(std::abs(sum), std::sqrt(2 * n * x));  // P(|N(0, n)| > t) ≤ 2 e^{−t²/2n}
}

TEST_F(InitializerTest, DrawsDependOnSeedAndNameAlone) {
  const InitializerConfig config{.type = "normal"};
  EXPECT_EQ(draw(config, Shape{5}, {}, 7), draw(config, Shape{5}, {1, 9}, 7));
  EXPECT_NE(draw(config, Shape{5}, {}, 7), draw(config, Shape{5}, {}, 8));
  EXPECT_NE(draw(config, Shape{5}, {}, 7, "a.weight"), draw(config, Shape{5}, {}, 7, "b.weight"));
}

TEST_F(InitializerTest, SinglePrecisionRoundsTheSameDraws) {
  const auto wide = draw({.type = "he_normal"}, Shape{4, 4}, {4, 4});
  const auto narrow = draw({.type = "he_normal"}, Shape{4, 4}, {4, 4}, 0, "hidden.weight", DType::f32);
  for (std::size_t i = 0; i < wide.size(); ++i)
    EXPECT_EQ(narrow[i], static_cast<double>(static_cast<float>(wide[i])));
}

TEST_F(InitializerTest, SaysWhatDoesNotFit) {
  EXPECT_EQ(error_of({.type = "he_norml"}, Shape{2}),
            "error: unknown initializer 'he_norml'\n = help: a similar initializer exists: 'he_normal'\n");
  EXPECT_EQ(error_of({.type = "orthogonal"}, Shape{2}),
            "error: initializer 'orthogonal' fills parameters of 2 or more axes, but 'out.bias' is [2]\n");
  EXPECT_EQ(error_of({.given = Array{Shape{3}, {1, 2, 3}}}, Shape{2}),
            "error: the values given for 'out.bias' have shape [3], but it is [2]\n");
  EXPECT_EQ(error_of({.given = Array{Shape{}, {0.5}}}, Shape{2}),
            "error: the values given for 'out.bias' have shape [], but it is [2]\n"
            " = help: to fill it with one number: {type: constant, value: 0.5}\n");
  EXPECT_EQ(error_of({.type = "normal", .fields = {{"std", -1.0}}}, Shape{2}),
            "error: field 'std' of initializer 'normal' is -1, outside [0, 1e+308]\n");
}

// A reflector with τ = 2/vᵀv is orthogonal for whatever v is stored. Applying one to a vector b of length m
// commits at most (4 m + 7) u ‖b‖ to first order: m u in vᵀb, m u + 2 u in τ, u in their product and u in β
// v, each against ‖v‖ ‖b‖ τ ≤ 2 ‖b‖ / ‖v‖, and u ‖b‖ in the last subtraction. A vector of Q is at most n of
// them applied to a unit vector, so it is within ε = n (4 m + 7) u / (1 − n (4 m + 7) u) of one of an
// orthonormal set.
double column_error(std::size_t length, std::size_t count) {
  const double first_order =
      static_cast<double>(count) * (4 * static_cast<double>(length) + 7) * kUnitRoundoff;
  return first_order / (1 - first_order);
}

struct Matrix {
  std::size_t rows, columns;
  std::vector<double> values;
  double at(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
};

// Σ_k a[i, k] b[j, k] over rows, or columns of both where they are tall.
Quad inner(const Matrix& a, std::size_t i, const Matrix& b, std::size_t j) {
  Quad sum = 0;
  const bool tall = a.rows >= a.columns;
  for (std::size_t k = 0; k < std::max(a.rows, a.columns); ++k)
    sum += tall ? Quad(a.at(k, i)) * Quad(b.at(k, j)) : Quad(a.at(i, k)) * Quad(b.at(j, k));
  return sum;
}

TEST_F(InitializerTest, OrthogonalIsOrthonormalAndFollowsItsMatrix) {
  const std::pair<std::size_t, std::size_t> sizes[] = {{1, 1},  {1, 7},  {7, 1},  {5, 5},
                                                       {16, 9}, {9, 16}, {64, 64}};
  for (const auto& [rows, columns] : sizes) {
    SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
    const Shape shape{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)};
    const Matrix a{rows, columns, draw({.type = "normal"}, shape, {})};
    const Matrix q{rows, columns, draw({.type = "orthogonal"}, shape, {})};
    const std::size_t length = std::max(rows, columns), count = std::min(rows, columns);
    const double error = column_error(length, count);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        const Quad defect = abs(inner(q, i, q, j) - Quad(i == j ? 1 : 0));
        EXPECT_LE(defect, Quad(2 * error + error * error)) << i << ", " << j;
        // R = Qᵀ A is upper triangular with a positive diagonal. A column of A carries ε ‖a‖ from its own
        // reflections.
        const Quad r = inner(q, i, a, j);
        if (i > j) {
          EXPECT_LE(abs(r), Quad(2 * error) * sqrt(inner(a, j, a, j))) << i << ", " << j;
        }
        if (i == j) {
          EXPECT_GT(r, Quad(0)) << i;
        }
      }
    }
  }
}

TEST_F(InitializerTest, OrthogonalTakesGainAndAxesBeyondTheFirstTogether) {
  const auto plain = draw({.type = "orthogonal"}, Shape{4, 18}, {});
  const auto filters = draw({.type = "orthogonal", .fields = {{"gain", 2.0}}}, Shape{4, 2, 3, 3}, {});
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(filters[i], 2 * plain[i]);
}

// Columns that differ by 2⁻⁴⁰ lose Gram and Schmidt's orthogonality, but not Householder's.
TEST(Orthonormalize, HoldsForAnIllConditionedMatrix) {
  const double tiny = std::ldexp(1.0, -40);
  Matrix q{4, 3, {1, 1, 1, tiny, 0, 0, 0, tiny, 0, 0, 0, tiny}};
  orthonormalize(q.values, 4, 3);
  const double error = column_error(4, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j)
      EXPECT_LE(abs(inner(q, i, q, j) - Quad(i == j ? 1 : 0)), Quad(2 * error + error * error));
  }
}

TEST(Orthonormalize, AZeroMatrixStaysFinite) {
  Matrix q{3, 2, std::vector<double>(6, 0.0)};
  orthonormalize(q.values, 3, 2);
  EXPECT_EQ(q.values, (std::vector<double>{1, 0, 0, 1, 0, 0}));
}

}  // namespace
}  // namespace assay
