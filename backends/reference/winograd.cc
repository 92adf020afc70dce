#include "backends/reference/winograd.h"

#include <algorithm>
#include <utility>

#include "assay/ops/window.h"
#include "assay/program/generic_kernel.h"

namespace assay {
namespace {

// What is made of a value by further products starts from its rounded sum, not from the sum's terms.
template <class T>
const T& rounded(const T& x) {
  return x;
}
template <class W, class N>
Bound<W, N> rounded(const Bound<W, N>& x) {
  return x.closed();
}

template <class T>
struct Matrix {
  std::int64_t rows, columns;
  std::vector<T> elements;

  Matrix(std::int64_t r, std::int64_t c) : rows(r), columns(c), elements(static_cast<std::size_t>(r * c)) {}
  T& operator()(std::int64_t i, std::int64_t j) {
    return elements[static_cast<std::size_t>(i * columns + j)];
  }
  const T& operator()(std::int64_t i, std::int64_t j) const {
    return elements[static_cast<std::size_t>(i * columns + j)];
  }
};

// A constant: numerator and denominator are exact, and nothing is rounded where the factor is ±1.
struct Quotient {
  double numerator = 0, denominator = 1;
};

// C X Cᵀ for a matrix of constants C.
template <class T>
class Transform {
 public:
  explicit Transform(const Matrix<Quotient>& constants)
      : constants_(constants), factors_(constants.rows, constants.columns) {
    for (std::size_t i = 0; i < factors_.elements.size(); ++i) {
      const Quotient& q = constants.elements[i];
      factors_.elements[i] = q.denominator == 1 ? T(q.numerator) : T(q.numerator) / T(q.denominator);
    }
  }
  Matrix<T> operator()(const Matrix<T>& x) const { return times_transposed(times_transposed(x)); }

 private:
  // (C X)ᵀ
  Matrix<T> times_transposed(const Matrix<T>& x) const {
    Matrix<T> y(x.columns, factors_.rows);
    for (std::int64_t i = 0; i < factors_.rows; ++i) {
      for (std::int64_t j = 0; j < x.columns; ++j) {
        T sum = T(0);
        for (std::int64_t k = 0; k < x.rows; ++k) add(sum, i, k, x(k, j));
        y(j, i) = rounded(sum);
      }
    }
    return y;
  }
  void add(T& sum, std::int64_t i, std::int64_t k, const T& x) const {
    const Quotient& q = constants_(i, k);
    if (q.numerator == 0) return;
    if (q.denominator == 1 && (q.numerator == 1 || q.numerator == -1)) {
      sum += q.numerator == 1 ? x : -x;
    } else {
      sum += factors_(i, k) * x;
    }
  }

  Matrix<Quotient> constants_;
  Matrix<T> factors_;
};

// The constants of F(m, r) as the header has them. `alpha` rows each: one per point and one for infinity.
struct Constants {
  std::int64_t alpha, outputs, taps;
  std::vector<double> points;

  explicit Constants(const MinimalFiltering& f)
      : alpha(static_cast<std::int64_t>(f.points.size()) + 1),
        outputs(f.outputs),
        taps(alpha - f.outputs + 1),
        points(f.points) {}

  // A for m columns, V for r: powers of the points. With `scaled`, D A: every row by its 1/N_i.
  Matrix<Quotient> powers(std::int64_t columns, bool scaled) const {
    Matrix<Quotient> a(alpha, columns);
    for (std::int64_t i = 0; i + 1 < alpha; ++i) {
      double power = 1;
      for (std::int64_t k = 0; k < columns; ++k, power *= point(i))
        a(i, k) = {power, scaled && power != 0 ? distance(i) : 1};
    }
    a(alpha - 1, columns - 1) = {1, 1};
    return a;
  }
  // Bᵀ.
  Matrix<Quotient> data() const {
    Matrix<Quotient> b(alpha, alpha);
    for (std::int64_t i = 0; i < alpha; ++i) {
      std::vector<double> polynomial{1};  // Π (t − a_j), by powers of t
      for (std::int64_t j = 0; j + 1 < alpha; ++j) {
        if (j == i) continue;
        polynomial.insert(polynomial.begin(), 0);
        for (std::size_t l = 0; l + 1 < polynomial.size(); ++l) polynomial[l] -= point(j) * polynomial[l + 1];
      }
      for (std::size_t l = 0; l < polynomial.size(); ++l)
        b(i, static_cast<std::int64_t>(l)) = {polynomial[l], 1};
    }
    return b;
  }

 private:
  double point(std::int64_t i) const { return points[static_cast<std::size_t>(i)]; }
  double distance(std::int64_t i) const {
    double product = 1;
    for (std::int64_t j = 0; j + 1 < alpha; ++j) product *= j == i ? 1 : point(i) - point(j);
    return product;
  }
};

Matrix<Quotient> transposed(const Matrix<Quotient>& a) {
  Matrix<Quotient> t(a.columns, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  }
  return t;
}

// Images [count, height, width] of which tiles are cut; outside of them are zeros.
template <class T>
struct Images {
  const T* at;
  std::int64_t height, width;

  Matrix<T> tile(std::int64_t image, std::int64_t top, std::int64_t left, std::int64_t extent) const {
    Matrix<T> cut(extent, extent);
    for (std::int64_t i = 0; i < extent; ++i) {
      for (std::int64_t j = 0; j < extent; ++j) {
        const std::int64_t h = top + i, w = left + j;
        const bool inside = h >= 0 && h < height && w >= 0 && w < width;
        cut(i, j) = inside ? at[(image * height + h) * width + w] : T(0);
      }
    }
    return cut;
  }
};

// sum += a ⊙ b
template <class T>
void add_products(Matrix<T>& sum, const Matrix<T>& a, const Matrix<T>& b) {
  for (std::size_t i = 0; i < sum.elements.size(); ++i) sum.elements[i] += a.elements[i] * b.elements[i];
}
template <class T>
void round(Matrix<T>& sums) {
  for (T& x : sums.elements) x = rounded(x);
}

// What conv2d and its derivative by x have in common: images [batch, channels, …] correlated with a filter
// for every pair of channel and result, the products summed over the channels.
struct Correlation {
  std::int64_t batch, channels, results;
  WindowAxis height, width;  // of the images, and of what is made of them
};

template <class T, class Filter>
void correlate(const Constants& f, const Correlation& c, const T* x, Filter filter, T* y) {
  const Transform<T> of_filter(f.powers(f.taps, true)), of_data(f.data()),
      to_output(transposed(f.powers(f.outputs, false)));
  std::vector<Matrix<T>> filters;
  for (std::int64_t k = 0; k < c.results; ++k) {
    for (std::int64_t i = 0; i < c.channels; ++i) filters.push_back(of_filter(filter(k, i)));
  }
  const Images<T> images{x, c.height.input, c.width.input};
  for (std::int64_t n = 0; n < c.batch; ++n) {
    for (std::int64_t top = 0; top < c.height.output; top += f.outputs) {
      for (std::int64_t left = 0; left < c.width.output; left += f.outputs) {
        std::vector<Matrix<T>> tiles;
        for (std::int64_t i = 0; i < c.channels; ++i)
          tiles.push_back(of_data(
              images.tile(n * c.channels + i, top - c.height.before, left - c.width.before, f.alpha)));
        for (std::int64_t k = 0; k < c.results; ++k) {
          Matrix<T> sum(f.alpha, f.alpha);
          for (std::int64_t i = 0; i < c.channels; ++i)
            add_products(sum, filters[static_cast<std::size_t>(k * c.channels + i)],
                         tiles[static_cast<std::size_t>(i)]);
          round(sum);
          const Matrix<T> results = to_output(sum);
          T* const plane = y + (n * c.results + k) * c.height.output * c.width.output;
          for (std::int64_t i = 0; i < std::min(f.outputs, c.height.output - top); ++i) {
            for (std::int64_t j = 0; j < std::min(f.outputs, c.width.output - left); ++j)
              plane[(top + i) * c.width.output + left + j] = results(i, j);
          }
        }
      }
    }
  }
}

// Y = X ⋆ W + b.
template <class T>
auto conv2d_loop(const Constants& f, const Site& site) {
  const Shape x = site.input(0).shape, weight = site.input(1).shape;
  const Window window = convolution_window(x, f.taps, f.taps, site.fields());
  const bool biased = site.inputs.size() == 3;
  return [=](const Io& io) {
    const Correlation c{x[0], x[1], weight[0], window.height, window.width};
    const Images<T> weights{io.in<T>(1), f.taps, f.taps};
    T* const y = io.out<T>(0);
    correlate<T>(
        f, c, io.in<T>(0),
        [&](std::int64_t o, std::int64_t i) { return weights.tile(o * c.channels + i, 0, 0, f.taps); }, y);
    if (!biased) return;
    const std::int64_t points = c.height.output * c.width.output;
    for (std::int64_t i = 0; i < c.batch * c.results * points; ++i)
      y[i] += io.in<T>(2)[i / points % c.results];
  };
}

// The derivative by x is the correlation of dY with every filter turned by half, padded by what the filter
// reaches beyond its window: x_h meets tap p of output h + before − p.
template <class T>
auto conv2d_grad_input_loop(const Constants& f, const Site& site) {
  const Shape x = site.output().shape, weight = site.input(1).shape;
  const Window window = convolution_window(x, f.taps, f.taps, site.fields());
  const auto turned = [&f](const WindowAxis& axis) {
    WindowAxis t = axis;
    std::swap(t.input, t.output);
    t.before = f.taps - 1 - axis.before;
    return t;
  };
  return [=, height = turned(window.height), width = turned(window.width)](const Io& io) {
    const Correlation c{x[0], weight[0], x[1], height, width};
    const Images<T> weights{io.in<T>(1), f.taps, f.taps};
    correlate<T>(
        f, c, io.in<T>(0),
        [&](std::int64_t i, std::int64_t o) {
          Matrix<T> w = weights.tile(o * c.results + i, 0, 0, f.taps);
          std::ranges::reverse(w.elements);
          return w;
        },
        io.out<T>(0));
  };
}

// Y is linear in W, so its derivative by W is the transposed map: dW = Vᵀ [(D A dY Aᵀ D) ⊙ (Bᵀ X B)] V, the
// products summed over samples and tiles. V is G without the 1/N_i, which D has.
template <class T>
auto conv2d_grad_weight_loop(const Constants& f, const Site& site) {
  const Shape dy = site.input(0).shape, x = site.input(1).shape;
  const Window window = convolution_window(x, f.taps, f.taps, site.fields());
  return [=](const Io& io) {
    const Transform<T> of_cotangent(f.powers(f.outputs, true)), of_data(f.data()),
        to_weight(transposed(f.powers(f.taps, false)));
    const Images<T> images{io.in<T>(1), x[2], x[3]}, cotangents{io.in<T>(0), dy[2], dy[3]};
    const std::int64_t channels = x[1], filters = dy[1];
    std::vector<Matrix<T>> sums(static_cast<std::size_t>(filters * channels), Matrix<T>(f.alpha, f.alpha));
    for (std::int64_t n = 0; n < x[0]; ++n) {
      for (std::int64_t top = 0; top < dy[2]; top += f.outputs) {
        for (std::int64_t left = 0; left < dy[3]; left += f.outputs) {
          std::vector<Matrix<T>> tiles;
          for (std::int64_t c = 0; c < channels; ++c)
            tiles.push_back(of_data(images.tile(n * channels + c, top - window.height.before,
                                                left - window.width.before, f.alpha)));
          for (std::int64_t o = 0; o < filters; ++o) {
            const Matrix<T> tile = of_cotangent(cotangents.tile(n * filters + o, top, left, f.outputs));
            for (std::int64_t c = 0; c < channels; ++c)
              add_products(sums[static_cast<std::size_t>(o * channels + c)], tile,
                           tiles[static_cast<std::size_t>(c)]);
          }
        }
      }
    }
    T* dw = io.out<T>(0);
    for (Matrix<T>& sum : sums) {
      round(sum);
      for (const T& element : to_weight(sum).elements) *dw++ = element;
    }
  };
}

bool all_are(const std::vector<std::int64_t>& numbers, std::int64_t number) {
  return std::ranges::all_of(numbers, [&](std::int64_t n) { return n == number; });
}

bool applies(const Constants& f, const Site& site) {
  const Fields& fields = site.fields();
  if (!all_are(fields.integers("stride"), 1) || !all_are(fields.integers("dilation"), 1)) return false;
  if (fields.integer("groups") != 1) return false;
  const Shape& weight = site.op().name == "conv2d_grad_weight" ? site.output().shape : site.input(1).shape;
  return weight[2] == f.taps && weight[3] == f.taps;
}

}  // namespace

Algebra winograd(const MinimalFiltering& filtering) {
  Algebra algebra;
  algebra.name = "winograd";
  algebra.formula = [f = Constants(filtering)](const Site& site) -> KernelPtr {
    if (!applies(f, site)) return nullptr;
    const Offer offer = for_every_scalar([&]<class T>(const Site& s) -> std::function<void(const Io&)> {
      if (s.op().name == "conv2d") return conv2d_loop<T>(f, s);
      if (s.op().name == "conv2d_grad_input") return conv2d_grad_input_loop<T>(f, s);
      return conv2d_grad_weight_loop<T>(f, s);
    })(site);
    const Plan* const plan = std::get_if<Plan>(&offer);
    return plan != nullptr ? plan->bind() : nullptr;
  };
  return algebra;
}

}  // namespace assay
