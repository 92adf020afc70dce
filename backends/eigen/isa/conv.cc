// Convolutions as products: each image is unfolded ("im2col") into a matrix with a row for every weight of a
// filter and a column for every output pixel, so that Y = W U, ∂U = Wᵀ ΔY folded back, and ∂W = Σ_images ΔY
// Uᵀ.
#include <cstring>

#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/gemm.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::Dynamic;

template <class T>
using Run = Eigen::Map<Eigen::Array<T, Dynamic, 1>>;
template <class T>
using ConstStridedRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>, 0, Eigen::InnerStride<>>;
template <class T>
using StridedRun = Eigen::Map<Eigen::Array<T, Dynamic, 1>, 0, Eigen::InnerStride<>>;

// Along one axis: output positions [first, last) read inside the image, from input position `start` at first.
struct Valid {
  Index first, last, start;
};

Valid valid_range(Index out, Index in, Index stride, Index offset) {
  // 0 <= o * stride + offset < in
  Index first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  Index last = in <= offset ? 0 : (in - offset + stride - 1) / stride;
  if (last > out) last = out;
  if (first > last) first = last;
  return {first, last, first * stride + offset};
}

// Calls f(row of U, channel, ranges) for every weight position of the group's channels.
template <class F>
void for_each_weight(const Convolution& p, F f) {
  Index row = 0;
  for (Index c = 0; c < p.channels / p.groups; ++c) {
    for (Index i = 0; i < p.kernel_height; ++i) {
      const Valid rows =
          valid_range(p.out_height, p.height, p.stride_height, i * p.dilation_height - p.pad_top);
      for (Index j = 0; j < p.kernel_width; ++j, ++row) {
        f(row, c, rows, valid_range(p.out_width, p.width, p.stride_width, j * p.dilation_width - p.pad_left));
      }
    }
  }
}

// U [channels/groups · kh · kw, oh · ow] from the channels of one group of an image.
template <class T>
void unfold(const Convolution& p, const T* x, T* u) {
  const Index pixels = p.out_height * p.out_width;
  for_each_weight(p, [&](Index row, Index c, Valid rows, Valid columns) {
    const T* plane = x + c * p.height * p.width;
    T* out = u + row * pixels;
    const Index n = columns.last - columns.first;
    std::memset(out, 0, static_cast<std::size_t>(rows.first * p.out_width) * sizeof(T));
    for (Index oh = rows.first; oh < rows.last; ++oh) {
      T* line = out + oh * p.out_width;
      const T* from = plane + (rows.start + (oh - rows.first) * p.stride_height) * p.width + columns.start;
      for (Index ow = 0; ow < columns.first; ++ow) line[ow] = T(0);
      if (p.stride_width == 1) {
        std::memcpy(line + columns.first, from, static_cast<std::size_t>(n) * sizeof(T));
      } else {
        Run<T>(line + columns.first, n) = ConstStridedRun<T>(from, n, Eigen::InnerStride<>(p.stride_width));
      }
      for (Index ow = columns.last; ow < p.out_width; ++ow) line[ow] = T(0);
    }
    std::memset(out + rows.last * p.out_width, 0,
                static_cast<std::size_t>((p.out_height - rows.last) * p.out_width) * sizeof(T));
  });
}

// x += the sums of U's elements by the pixel that each was read from.
template <class T>
void fold(const Convolution& p, const T* u, T* x) {
  const Index pixels = p.out_height * p.out_width;
  for_each_weight(p, [&](Index row, Index c, Valid rows, Valid columns) {
    T* plane = x + c * p.height * p.width;
    const T* in = u + row * pixels;
    const Index n = columns.last - columns.first;
    for (Index oh = rows.first; oh < rows.last; ++oh) {
      const Eigen::Map<const Eigen::Array<T, Dynamic, 1>> line(in + oh * p.out_width + columns.first, n);
      T* to = plane + (rows.start + (oh - rows.first) * p.stride_height) * p.width + columns.start;
      if (p.stride_width == 1) {
        Run<T>(to, n) += line;
      } else {
        StridedRun<T>(to, n, Eigen::InnerStride<>(p.stride_width)) += line;
      }
    }
  });
}

// Elements of one group.
struct GroupSizes {
  Index image, weight, result;
  explicit GroupSizes(const Convolution& p)
      : image(p.channels / p.groups * p.height * p.width),
        weight(p.filters / p.groups * (p.channels / p.groups) * p.kernel_height * p.kernel_width),
        result(p.filters / p.groups * p.out_height * p.out_width) {}
};

void* behind_columns(const Convolution& p, void* scratch) {
  return static_cast<char*>(scratch) + p.column_bytes;
}

template <class T>
void conv2d(const Convolution& p, const T* x, const T* weight, const T* bias, T* y, void* scratch) {
  const GroupSizes sizes(p);
  const Index pixels = p.out_height * p.out_width;
  T* columns = static_cast<T*>(scratch);
  for (Index n = 0; n < p.images; ++n) {
    for (Index o = 0; o < p.filters; ++o) {
      Run<T>(y + (n * p.filters + o) * pixels, pixels).setConstant(bias == nullptr ? T(0) : bias[o]);
    }
    for (Index g = 0; g < p.groups; ++g) {
      const T* image = x + (n * p.groups + g) * sizes.image;
      if (!p.unfolded) unfold(p, image, columns);
      gemm(p.gemm, weight + g * sizes.weight, p.unfolded ? image : columns,
           y + (n * p.groups + g) * sizes.result, behind_columns(p, scratch));
    }
  }
}

template <class T>
void conv2d_grad_input(const Convolution& p, const T* dy, const T* weight, T* dx, void* scratch) {
  const GroupSizes sizes(p);
  T* columns = static_cast<T*>(scratch);
  Run<T>(dx, p.images * p.groups * sizes.image).setZero();
  for (Index n = 0; n < p.images; ++n) {
    for (Index g = 0; g < p.groups; ++g) {
      T* image = dx + (n * p.groups + g) * sizes.image;
      if (!p.unfolded) Run<T>(columns, p.gemm.m * p.gemm.n).setZero();
      gemm(p.gemm, weight + g * sizes.weight, dy + (n * p.groups + g) * sizes.result,
           p.unfolded ? image : columns, behind_columns(p, scratch));
      if (!p.unfolded) fold(p, columns, image);
    }
  }
}

template <class T>
void conv2d_grad_weight(const Convolution& p, const T* dy, const T* x, T* dweight, void* scratch) {
  const GroupSizes sizes(p);
  T* columns = static_cast<T*>(scratch);
  Run<T>(dweight, p.groups * sizes.weight).setZero();
  for (Index n = 0; n < p.images; ++n) {
    for (Index g = 0; g < p.groups; ++g) {
      const T* image = x + (n * p.groups + g) * sizes.image;
      if (!p.unfolded) unfold(p, image, columns);
      gemm(p.gemm, dy + (n * p.groups + g) * sizes.result, p.unfolded ? image : columns,
           dweight + g * sizes.weight, behind_columns(p, scratch));
    }
  }
}

}  // namespace

template <class T>
void add_convolutions(Kernels<T>& table) {
  table.conv2d = conv2d<T>;
  table.conv2d_grad_input = conv2d_grad_input<T>;
  table.conv2d_grad_weight = conv2d_grad_weight<T>;
}

template void add_convolutions<float>(Kernels<float>&);
template void add_convolutions<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
