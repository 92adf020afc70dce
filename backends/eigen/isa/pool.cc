// Pooling. Maxima are taken for many windows at once, position by position in row-major order, so that the
// first maximum of a window wins; averages for the windows of a row.
#include <cstring>
#include <limits>

#include "backends/eigen/isa/families.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

// Windows [first, last) of an axis have their position `offset` inside the input.
struct Valid {
  Index first, last;
};

Valid valid_windows(Index out, Index in, Index stride, Index offset) {
  Index first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  Index last = in <= offset ? 0 : (in - offset + stride - 1) / stride;
  if (last > out) last = out;
  if (first > last) first = last;
  return {first, last};
}

// Positions of window o that lie inside the input.
Index valid_positions(Index o, Index size, Index in, Index stride, Index pad) {
  const Index start = o * stride - pad, stop = start + size;
  return (stop < in ? stop : in) - (start > 0 ? start : 0);
}

// Calls f(output row, input row, offset of the first input column, windows) for every position of every
// window row.
template <class F>
void for_each_position(const Pooling& p, F f) {
  for (Index oh = 0; oh < p.out_height; ++oh) {
    for (Index i = 0; i < p.size_height; ++i) {
      const Index h = oh * p.stride_height - p.pad_top + i;
      if (h < 0 || h >= p.height) continue;
      for (Index j = 0; j < p.size_width; ++j) {
        f(oh, h, j - p.pad_left, valid_windows(p.out_width, p.width, p.stride_width, j - p.pad_left));
      }
    }
  }
}

constexpr int kLanes = 64;

// Where the windows of so many consecutive outputs begin, which may lie in the padding.
struct Corners {
  std::int32_t row[kLanes], column[kLanes];
};

Corners corners_of(const Pooling& p, Index first) {
  const Index last = p.out_height * p.out_width - 1;
  Corners corners;
  for (int l = 0; l < kLanes; ++l) {
    const Index o = first + l < last ? first + l : last;
    corners.row[l] = static_cast<std::int32_t>(o / p.out_width * p.stride_height - p.pad_top);
    corners.column[l] = static_cast<std::int32_t>(o % p.out_width * p.stride_width - p.pad_left);
  }
  return corners;
}

std::int32_t clamp(std::int32_t i, std::int32_t last) { return i < 0 ? 0 : (i > last ? last : i); }

// The maxima of kLanes windows. A position in the padding is moved to the nearest one inside, which belongs
// to the window as well and comes in row-major order, so that no case is left to branch on: data would decide
// the branches.
template <class T>
void largest_of(const Pooling& p, const Corners& corners, const T* plane, T* value, std::int32_t* index) {
  const auto width = static_cast<std::int32_t>(p.width);
  const auto last_row = static_cast<std::int32_t>(p.height) - 1, last_column = width - 1;
  for (int l = 0; l < kLanes; ++l) {
    index[l] = clamp(corners.row[l], last_row) * width + clamp(corners.column[l], last_column);
    value[l] = -std::numeric_limits<T>::infinity();
  }
  for (std::int32_t i = 0; i < p.size_height; ++i) {
    for (std::int32_t j = 0; j < p.size_width; ++j) {
      for (int l = 0; l < kLanes; ++l) {
        const std::int32_t at =
            clamp(corners.row[l] + i, last_row) * width + clamp(corners.column[l] + j, last_column);
        const T other = plane[at], before = value[l];
        // NaN wins over every number, the first NaN over later ones.
        const bool better = (other > before) | ((other != other) & (before == before));
        value[l] = better ? other : before;
        index[l] = better ? at : index[l];
      }
    }
  }
}

template <class T>
void max_pool2d(const Pooling& p, const T* x, T* y, std::int32_t* index) {
  const Index inputs = p.height * p.width, outputs = p.out_height * p.out_width;
  for (Index first = 0; first < outputs; first += kLanes) {
    const Corners corners = corners_of(p, first);
    const Index count = outputs - first < kLanes ? outputs - first : kLanes;
    for (Index plane = 0; plane < p.planes; ++plane) {
      T value[kLanes];
      std::int32_t at[kLanes];
      largest_of(p, corners, x + plane * inputs, value, at);
      std::memcpy(y + plane * outputs + first, value, static_cast<std::size_t>(count) * sizeof(T));
      std::memcpy(index + plane * outputs + first, at,
                  static_cast<std::size_t>(count) * sizeof(std::int32_t));
    }
  }
}

template <class T>
void max_pool2d_grad(const Pooling& p, const T* dy, const std::int32_t* index, T* dx) {
  const Index inputs = p.height * p.width, outputs = p.out_height * p.out_width;
  std::memset(dx, 0, static_cast<std::size_t>(p.planes * inputs) * sizeof(T));
  for (Index plane = 0; plane < p.planes; ++plane, dx += inputs, dy += outputs, index += outputs) {
    for (Index o = 0; o < outputs; ++o) dx[index[o]] += dy[o];
  }
}

template <class T>
void max_pool2d_gather(const Pooling& p, const T* x, const std::int32_t* index, T* y) {
  const Index inputs = p.height * p.width, outputs = p.out_height * p.out_width;
  for (Index plane = 0; plane < p.planes; ++plane, x += inputs, y += outputs, index += outputs) {
    for (Index o = 0; o < outputs; ++o) y[o] = x[index[o]];
  }
}

Index terms(const Pooling& p, Index oh, Index ow) {
  if (p.count_padding) return p.size_height * p.size_width;
  return valid_positions(oh, p.size_height, p.height, p.stride_height, p.pad_top) *
         valid_positions(ow, p.size_width, p.width, p.stride_width, p.pad_left);
}

template <class T>
void avg_pool2d(const Pooling& p, const T* x, T* y) {
  const Index outputs = p.out_height * p.out_width;
  for (Index plane = 0; plane < p.planes; ++plane, x += p.height * p.width, y += outputs) {
    for (Index o = 0; o < outputs; ++o) y[o] = T(0);
    for_each_position(p, [=](Index oh, Index h, Index offset, Valid windows) {
      T* sums = y + oh * p.out_width;
      const T* line = x + h * p.width + offset;
      for (Index ow = windows.first; ow < windows.last; ++ow) sums[ow] += line[ow * p.stride_width];
    });
    for (Index oh = 0; oh < p.out_height; ++oh) {
      for (Index ow = 0; ow < p.out_width; ++ow) y[oh * p.out_width + ow] /= static_cast<T>(terms(p, oh, ow));
    }
  }
}

template <class T>
void avg_pool2d_grad(const Pooling& p, const T* dy, T* dx) {
  const Index inputs = p.height * p.width, outputs = p.out_height * p.out_width;
  std::memset(dx, 0, static_cast<std::size_t>(p.planes * inputs) * sizeof(T));
  for (Index plane = 0; plane < p.planes; ++plane, dx += inputs, dy += outputs) {
    for_each_position(p, [=](Index oh, Index h, Index offset, Valid windows) {
      const T* cotangents = dy + oh * p.out_width;
      T* line = dx + h * p.width + offset;
      for (Index ow = windows.first; ow < windows.last; ++ow) {
        line[ow * p.stride_width] += cotangents[ow] / static_cast<T>(terms(p, oh, ow));
      }
    });
  }
}

}  // namespace

template <class T>
void add_pools(Kernels<T>& table) {
  table.max_pool2d = max_pool2d<T>;
  table.max_pool2d_grad = max_pool2d_grad<T>;
  table.max_pool2d_gather = max_pool2d_gather<T>;
  table.avg_pool2d = avg_pool2d<T>;
  table.avg_pool2d_grad = avg_pool2d_grad<T>;
}

template void add_pools<float>(Kernels<float>&);
template void add_pools<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
