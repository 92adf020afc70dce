// Pooling, plane by plane. A plane is one (n, c); (i, j): output position, (p, q): tap, (h, w): input
// position.
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/window.h"

namespace assay {
namespace {

using reference::Range;
using reference::taps;

struct Geometry {
  std::int64_t planes;
  WindowAxis height, width;
  std::int64_t image, result;  // elements of one plane of x and of y

  Geometry(const Shape& x, const Fields& fields) : planes(x[0] * x[1]), image(x[2] * x[3]) {
    const Window window = pooling_window(x, fields);
    height = window.height;
    width = window.width;
    result = height.output * width.output;
  }
};

// y_ij = max_pq x_hw: the first maximum in row-major order, or the first NaN.
template <class T>
auto max_pool_loop(const Site& site) {
  const Geometry g(site.input(0).shape, site.fields());
  return [g](const Io& io) {
    for (std::int64_t plane = 0; plane < g.planes; ++plane) {
      const T* x = io.in<T>(0) + plane * g.image;
      T* y = io.out<T>(0) + plane * g.result;
      std::int32_t* index = io.out<std::int32_t>(1) + plane * g.result;
      for (std::int64_t i = 0; i < g.height.output; ++i) {
        const Range p_range = taps(g.height, i);
        for (std::int64_t j = 0; j < g.width.output; ++j) {
          const Range q_range = taps(g.width, j);
          // The shape rule has made sure that a window has an element.
          std::int64_t best =
              g.height.position(i, p_range.first) * g.width.input + g.width.position(j, q_range.first);
          for (std::int64_t p = p_range.first; p < p_range.last; ++p) {
            const std::int64_t row = g.height.position(i, p) * g.width.input;
            for (std::int64_t q = q_range.first; q < q_range.last; ++q) {
              const std::int64_t hw = row + g.width.position(j, q);
              const bool first_nan = x[hw] != x[hw] && x[best] == x[best];
              if (x[hw] > x[best] || first_nan) best = hw;
            }
          }
          y[i * g.width.output + j] = x[best];
          index[i * g.width.output + j] = static_cast<std::int32_t>(best);
        }
      }
    }
  };
}

// dx[index_ij] += dy_ij. Windows that chose the same element add up in the row-major order of (i, j).
template <class T>
auto max_pool_grad_loop(const Site& site) {
  const Shape& x = site.output().shape;
  const Shape& y = site.input(0).shape;
  const std::int64_t planes = x[0] * x[1], image = x[2] * x[3], result = y[2] * y[3];
  return [=](const Io& io) {
    for (std::int64_t plane = 0; plane < planes; ++plane) {
      const T* dy = io.in<T>(0) + plane * result;
      const std::int32_t* index = io.in<std::int32_t>(1) + plane * result;
      T* dx = io.out<T>(0) + plane * image;
      for (std::int64_t hw = 0; hw < image; ++hw) dx[hw] = T(0);
      for (std::int64_t ij = 0; ij < result; ++ij) dx[index[ij]] += dy[ij];
    }
  };
}

// y_ij = x[index_ij]
template <class T>
auto max_pool_gather_loop(const Site& site) {
  const Shape& x = site.input(0).shape;
  const Shape& y = site.output().shape;
  const std::int64_t planes = x[0] * x[1], image = x[2] * x[3], result = y[2] * y[3];
  return [=](const Io& io) {
    for (std::int64_t plane = 0; plane < planes; ++plane) {
      const T* values = io.in<T>(0) + plane * image;
      const std::int32_t* index = io.in<std::int32_t>(1) + plane * result;
      for (std::int64_t ij = 0; ij < result; ++ij) io.out<T>(0)[plane * result + ij] = values[index[ij]];
    }
  };
}

// What the sum over a window is divided by: its elements in the image, or all of its taps.
std::int64_t divisor(const Geometry& g, const Range& p_range, const Range& q_range, bool count_padding) {
  return count_padding ? g.height.size * g.width.size : p_range.count() * q_range.count();
}

// y_ij = (1/k) Σ_pq x_hw, summed over p, then q.
template <class T>
auto avg_pool_loop(const Site& site) {
  const Geometry g(site.input(0).shape, site.fields());
  const bool count_padding = site.fields().boolean("count_padding");
  return [g, count_padding](const Io& io) {
    for (std::int64_t plane = 0; plane < g.planes; ++plane) {
      const T* x = io.in<T>(0) + plane * g.image;
      T* y = io.out<T>(0) + plane * g.result;
      for (std::int64_t i = 0; i < g.height.output; ++i) {
        const Range p_range = taps(g.height, i);
        for (std::int64_t j = 0; j < g.width.output; ++j) {
          const Range q_range = taps(g.width, j);
          T sum = T(0);
          for (std::int64_t p = p_range.first; p < p_range.last; ++p) {
            const T* row = x + g.height.position(i, p) * g.width.input;
            for (std::int64_t q = q_range.first; q < q_range.last; ++q) sum += row[g.width.position(j, q)];
          }
          y[i * g.width.output + j] = sum / T(divisor(g, p_range, q_range, count_padding));
        }
      }
    }
  };
}

// dx_hw = Σ dy_ij / k over the windows that hold (h, w), in the row-major order of (i, j).
template <class T>
auto avg_pool_grad_loop(const Site& site) {
  const Geometry g(site.output().shape, site.fields());
  const bool count_padding = site.fields().boolean("count_padding");
  return [g, count_padding](const Io& io) {
    for (std::int64_t plane = 0; plane < g.planes; ++plane) {
      const T* dy = io.in<T>(0) + plane * g.result;
      T* dx = io.out<T>(0) + plane * g.image;
      for (std::int64_t hw = 0; hw < g.image; ++hw) dx[hw] = T(0);
      for (std::int64_t i = 0; i < g.height.output; ++i) {
        const Range p_range = taps(g.height, i);
        for (std::int64_t j = 0; j < g.width.output; ++j) {
          const Range q_range = taps(g.width, j);
          const T share = dy[i * g.width.output + j] / T(divisor(g, p_range, q_range, count_padding));
          for (std::int64_t p = p_range.first; p < p_range.last; ++p) {
            T* row = dx + g.height.position(i, p) * g.width.input;
            for (std::int64_t q = q_range.first; q < q_range.last; ++q) row[g.width.position(j, q)] += share;
          }
        }
      }
    }
  };
}

// y = 1/(HW) Σ_hw x_hw
template <class T>
auto global_avg_pool_loop(const Site& site) {
  const Shape& x = site.input(0).shape;
  const std::int64_t planes = x[0] * x[1], image = x[2] * x[3];
  return [=](const Io& io) {
    for (std::int64_t plane = 0; plane < planes; ++plane) {
      const T* values = io.in<T>(0) + plane * image;
      T sum = T(0);
      for (std::int64_t hw = 0; hw < image; ++hw) sum += values[hw];
      io.out<T>(0)[plane] = sum / T(image);
    }
  };
}

}  // namespace

void add_pool_kernels(KernelTable& kernels, std::string_view owner) {
  constexpr Scalars all = Scalars::all;
  kernels.add("max_pool2d", for_every_scalar<all>([]<class T>(const Site& s) { return max_pool_loop<T>(s); }),
              owner);
  kernels.add("max_pool2d_grad",
              for_every_scalar<all>([]<class T>(const Site& s) { return max_pool_grad_loop<T>(s); }), owner);
  kernels.add("max_pool2d_gather",
              for_every_scalar<all>([]<class T>(const Site& s) { return max_pool_gather_loop<T>(s); }),
              owner);
  kernels.add("avg_pool2d", for_every_scalar<all>([]<class T>(const Site& s) { return avg_pool_loop<T>(s); }),
              owner);
  kernels.add("avg_pool2d_grad",
              for_every_scalar<all>([]<class T>(const Site& s) { return avg_pool_grad_loop<T>(s); }), owner);
  kernels.add("global_avg_pool",
              for_every_scalar<all>([]<class T>(const Site& s) { return global_avg_pool_loop<T>(s); }),
              owner);
}

}  // namespace assay
