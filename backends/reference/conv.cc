// Convolution and its two derivatives. One product, w[o, c, p, q] · x[n, c, h, w], joins each triple of
// elements; the three loop nests differ in which of y, x and w it is summed for. n: sample, o: filter, c:
// channel within the filter's group, (p, q): tap, (i, j): output position, (h, w): input position.
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/window.h"

namespace assay {
namespace {

using reference::Range;
using reference::windows;

struct Geometry {
  std::int64_t batch, channels, filters;
  std::int64_t group_channels, group_filters;  // channels and filters of one group
  WindowAxis height, width;
  std::int64_t image, kernel, result;  // elements of one plane of x, w and y

  Geometry(const Shape& x, const Shape& weight, const Fields& fields)
      : batch(x[0]),
        channels(x[1]),
        filters(weight[0]),
        group_channels(weight[1]),
        group_filters(filters / fields.integer("groups")) {
    const Window window = convolution_window(x, weight[2], weight[3], fields);
    height = window.height;
    width = window.width;
    image = x[2] * x[3];
    kernel = weight[2] * weight[3];
    result = height.output * width.output;
  }

  // Where the planes x[n, c], w[o, c] and y[n, o] begin.
  std::int64_t x_plane(std::int64_t n, std::int64_t o, std::int64_t c) const {
    return (n * channels + o / group_filters * group_channels + c) * image;
  }
  std::int64_t w_plane(std::int64_t o, std::int64_t c) const { return (o * group_channels + c) * kernel; }
  std::int64_t y_plane(std::int64_t n, std::int64_t o) const { return (n * filters + o) * result; }
};

// y_noij = Σ_cpq w_ocpq x_nchw + b_o. Each y is summed over c, then p, then q; its bias comes last.
template <class T>
auto conv2d_loop(const Site& site) {
  const Geometry g(site.input(0).shape, site.input(1).shape, site.fields());
  const bool biased = site.inputs.size() == 3;
  return [g, biased](const Io& io) {
    for (std::int64_t n = 0; n < g.batch; ++n) {
      for (std::int64_t o = 0; o < g.filters; ++o) {
        T* y = io.out<T>(0) + g.y_plane(n, o);
        for (std::int64_t ij = 0; ij < g.result; ++ij) y[ij] = T(0);
        for (std::int64_t c = 0; c < g.group_channels; ++c) {
          const T* x = io.in<T>(0) + g.x_plane(n, o, c);
          const T* weight = io.in<T>(1) + g.w_plane(o, c);
          for (std::int64_t p = 0; p < g.height.size; ++p) {
            const Range rows = windows(g.height, p);
            for (std::int64_t q = 0; q < g.width.size; ++q) {
              const Range columns = windows(g.width, q);
              const T w = weight[p * g.width.size + q];
              for (std::int64_t i = rows.first; i < rows.last; ++i) {
                const T* x_row = x + g.height.position(i, p) * g.width.input;
                T* y_row = y + i * g.width.output;
                for (std::int64_t j = columns.first; j < columns.last; ++j) {
                  y_row[j] += w * x_row[g.width.position(j, q)];
                }
              }
            }
          }
        }
        if (biased) {
          const T b = io.in<T>(2)[o];
          for (std::int64_t ij = 0; ij < g.result; ++ij) y[ij] += b;
        }
      }
    }
  };
}

// dx_nchw = Σ_opq w_ocpq dy_noij. Each dx is summed over o, then p, then q.
template <class T>
auto conv2d_grad_input_loop(const Site& site) {
  const Geometry g(site.output().shape, site.input(1).shape, site.fields());
  return [g](const Io& io) {
    T* dx_all = io.out<T>(0);
    for (std::int64_t i = 0; i < g.batch * g.channels * g.image; ++i) dx_all[i] = T(0);
    for (std::int64_t n = 0; n < g.batch; ++n) {
      for (std::int64_t o = 0; o < g.filters; ++o) {
        const T* dy = io.in<T>(0) + g.y_plane(n, o);
        for (std::int64_t c = 0; c < g.group_channels; ++c) {
          T* dx = dx_all + g.x_plane(n, o, c);
          const T* weight = io.in<T>(1) + g.w_plane(o, c);
          for (std::int64_t p = 0; p < g.height.size; ++p) {
            const Range rows = windows(g.height, p);
            for (std::int64_t q = 0; q < g.width.size; ++q) {
              const Range columns = windows(g.width, q);
              const T w = weight[p * g.width.size + q];
              for (std::int64_t i = rows.first; i < rows.last; ++i) {
                T* dx_row = dx + g.height.position(i, p) * g.width.input;
                const T* dy_row = dy + i * g.width.output;
                for (std::int64_t j = columns.first; j < columns.last; ++j) {
                  dx_row[g.width.position(j, q)] += w * dy_row[j];
                }
              }
            }
          }
        }
      }
    }
  };
}

// dw_ocpq = Σ_nij dy_noij x_nchw. Each dw is summed over n, then i, then j.
template <class T>
auto conv2d_grad_weight_loop(const Site& site) {
  const Geometry g(site.input(1).shape, site.output().shape, site.fields());
  return [g](const Io& io) {
    for (std::int64_t o = 0; o < g.filters; ++o) {
      for (std::int64_t c = 0; c < g.group_channels; ++c) {
        T* dw = io.out<T>(0) + g.w_plane(o, c);
        for (std::int64_t p = 0; p < g.height.size; ++p) {
          const Range rows = windows(g.height, p);
          for (std::int64_t q = 0; q < g.width.size; ++q) {
            const Range columns = windows(g.width, q);
            T sum = T(0);
            for (std::int64_t n = 0; n < g.batch; ++n) {
              const T* dy = io.in<T>(0) + g.y_plane(n, o);
              const T* x = io.in<T>(1) + g.x_plane(n, o, c);
              for (std::int64_t i = rows.first; i < rows.last; ++i) {
                const T* dy_row = dy + i * g.width.output;
                const T* x_row = x + g.height.position(i, p) * g.width.input;
                for (std::int64_t j = columns.first; j < columns.last; ++j) {
                  sum += dy_row[j] * x_row[g.width.position(j, q)];
                }
              }
            }
            dw[p * g.width.size + q] = sum;
          }
        }
      }
    }
  };
}

}  // namespace

void add_conv_kernels(KernelTable& kernels, std::string_view owner) {
  constexpr Scalars all = Scalars::all;
  kernels.add("conv2d", for_every_scalar<all>([]<class T>(const Site& s) { return conv2d_loop<T>(s); }),
              owner);
  kernels.add("conv2d_grad_input",
              for_every_scalar<all>([]<class T>(const Site& s) { return conv2d_grad_input_loop<T>(s); }),
              owner);
  kernels.add("conv2d_grad_weight",
              for_every_scalar<all>([]<class T>(const Site& s) { return conv2d_grad_weight_loop<T>(s); }),
              owner);
}

}  // namespace assay
