// Windows over the planes of an image: rows brought into a form in which each tap reads contiguous elements
// (Staging), and the operands of multiply_blocks() that packs from them. Unfolding ("im2col") is never
// written to memory as a whole.
#pragma once

#include "backends/openmp/isa/gemm_block.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp::ASSAY_ISA {

// Elements that may be read behind a staged image: a vector loaded whole at its last element, in blocks of
// so many vectors.
inline constexpr std::int64_t kBlockVectors = 4;
template <class T>
inline constexpr std::int64_t kStagedSlack = kBlockVectors* kLanes<T>;

/// The staging for windows along `width`, which may come from several axes over the same input: `left` is the
/// widest padding in front of them and `columns` the padded columns that they reach.
template <class T>
inline Staging stage_columns(const Axis& width, std::int64_t left, std::int64_t columns, bool copied) {
  if (!copied) return {false, 0, 1, width.input, width.input};
  const std::int64_t part = ceil_div(larger(columns, 1), width.stride);
  return {true, left, width.stride, part, round_up(part * width.stride, kLanes<T>)};
}

/// Padded columns that windows along one axis reach, from `left` columns before the image on.
inline std::int64_t reached_columns(const Axis& axis, std::int64_t left) {
  return (axis.output - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1 + left - axis.before;
}
inline bool reaches_padding(const Axis& axis) {
  return axis.before > 0 || reached_columns(axis, 0) > axis.input;
}

/// The staging for windows along one axis.
template <class T>
inline Staging stage_columns(const Axis& width, bool copied) {
  const std::int64_t left = larger(0, width.before);
  return stage_columns<T>(width, left, reached_columns(width, left),
                          copied || width.stride > 1 || reaches_padding(width));
}

/// Elements of scratch for a staged image of so many planes: a row of padding, then the rows of all planes.
template <class T>
inline std::int64_t staged_elements(const Staging& staging, std::int64_t planes, std::int64_t rows) {
  const std::int64_t copies = staging.copied ? planes * rows * staging.pitch + kStagedSlack<T> : 0;
  return round_up(staging.pitch + kStagedSlack<T> + copies, 64 / static_cast<std::int64_t>(sizeof(T)));
}

/// Every stride-th element of `from`.
template <class T>
inline void take_strided(const T* from, std::int64_t stride, std::int64_t count, T* to) {
  if (stride == 2) {  // by far the most frequent, and vector code where the stride is known
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[2 * i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[stride * i];
  }
}

/// Whether some window reads input row h.
inline bool is_read(const Axis& height, std::int64_t h) {
  if (height.stride == 1) return true;
  for (std::int64_t k = 0; k < height.taps; ++k) {
    if ((h + height.before - k * height.dilation) % height.stride == 0) return true;
  }
  return false;
}

/// One row of `width` elements, unzipped, with `padding` around it.
template <class T>
inline void stage_row(const Staging& s, const T* from, std::int64_t width, T padding, T* to) {
  for (std::int64_t z = 0; z < s.stride; ++z) {
    T* part = to + z * s.part;
    // Columns of the image in this part: those at z + i·stride − left for first <= i < last.
    const std::int64_t first = smaller(s.part, z >= s.left ? 0 : ceil_div(s.left - z, s.stride));
    const std::int64_t last =
        larger(first, smaller(s.part, s.left + width <= z ? 0 : ceil_div(s.left + width - z, s.stride)));
    for (std::int64_t i = 0; i < first; ++i) part[i] = padding;
    const T* source = from + (z + first * s.stride - s.left);
    if (s.stride == 1) {
      for_lanes<T>(0, last - first, [&](std::int64_t i, auto lanes) {
        lanes.store(part + first + i, lanes.load(source + i));
      });
    } else {
      take_strided(source, s.stride, last - first, part + first);
    }
    for (std::int64_t i = last; i < s.part; ++i) part[i] = padding;
  }
  for (std::int64_t i = s.stride * s.part; i < s.pitch; ++i) to[i] = padding;
}

/// Some planes of one image, staged.
template <class T>
struct StagedImage {
  const T* planes;
  const T* padding;  ///< a row of it
  Staging staging;
  std::int64_t rows;  ///< of a plane

  const T* row(std::int64_t plane, std::int64_t h) const {
    return h >= 0 && h < rows ? planes + (plane * rows + h) * staging.pitch : padding;
  }
};

/// `scratch` has staged_elements(); the rows of padding in it are filled by fill_padding().
template <class T>
inline void fill_padding(const Staging& staging, T padding, T* scratch) {
  for (std::int64_t i = 0; i < staging.pitch + kStagedSlack<T>; ++i) scratch[i] = padding;
}
template <class T>
inline StagedImage<T> stage_image(const Staging& staging, const Axis& height, const Axis& width,
                                  std::int64_t planes, const T* image, T padding, T* scratch) {
  if (!staging.copied) return {image, scratch, staging, height.input};
  T* const copies = scratch + staging.pitch + kStagedSlack<T>;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t h = 0; h < height.input; ++h) {
      if (!is_read(height, h)) continue;
      const std::int64_t row = plane * height.input + h;
      stage_row(staging, image + row * width.input, width.input, padding, copies + row * staging.pitch);
    }
  }
  return {copies, scratch, staging, height.input};
}

/// Where a row holds what tap after tap of a window reads for output 0; outputs behind follow.
class TapColumn {
 public:
  TapColumn(const Staging& staging, const Axis& width, std::int64_t tap)
      : staging_(staging), advance_(width.dilation / staging.stride), turn_(width.dilation % staging.stride) {
    const std::int64_t z = tap * width.dilation + staging.left - width.before;
    index_ = z / staging.stride;
    part_ = z % staging.stride;
  }
  std::int64_t offset() const { return part_ * staging_.part + index_; }
  void next() {
    index_ += advance_;
    part_ += turn_;
    if (part_ >= staging_.stride) {
      part_ -= staging_.stride;
      ++index_;
    }
  }

 private:
  const Staging& staging_;
  std::int64_t advance_, turn_;
  std::int64_t index_, part_;
};

/// `count` elements; the last vector is stored whole.
template <class T>
ASSAY_INLINE void copy_run(const T* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; i += kLanes<T>) store(to + i, load_up_to(from + i, count - i));
}

/// The windows over a staged image.
template <class T>
struct Patches {
  StagedImage<T> image;
  Axis height, width;

  /// What tap row p of the windows in output row i reads.
  const T* row(std::int64_t channel, std::int64_t i, std::int64_t p) const {
    return image.row(channel, i * height.stride + p * height.dilation - height.before);
  }
  TapColumn column(std::int64_t tap) const { return {image.staging, width, tap}; }
};

/// Patches as columns, element (k, column): tap k = (channel, p, q) of the window of pixel `column`.
template <class T>
struct PatchColumns {
  Patches<T> patches;

  const T* in_place(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k,
                    std::int64_t& stride) const {
    // With one row and one tap, a channel's row is the operand's row.
    const bool plain = patches.height.output == 1 && patches.height.taps == 1 && patches.width.taps == 1;
    if (!plain || columns != width) return nullptr;
    stride = patches.image.rows * patches.image.staging.pitch;
    return patches.row(k, 0, 0) + patches.column(0).offset() + column;
  }

  // Runs of a row may be stored past their end, and the last ones past the end of the row: what follows is
  // written later, and behind the packed columns lies the room for packed rows.
  void pack(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k, std::int64_t depth,
            T* to) const {
    if (depth == 0) return;  // perhaps because there are no taps
    struct Run {
      std::int64_t i, j, count, at;
      const T* row;
    };
    Run runs[kTileVectors * kLanes<T>];
    int count = 0;
    for (std::int64_t at = 0; at < columns;) {
      Run& run = runs[count++];
      run.i = (column + at) / patches.width.output;
      run.j = column + at - run.i * patches.width.output;
      run.count = smaller(patches.width.output - run.j, columns - at);
      run.at = at;
      at += run.count;
    }
    const std::int64_t taps = patches.width.taps;
    std::int64_t q = k % taps;
    std::int64_t p = k / taps % patches.height.taps;
    std::int64_t channel = k / taps / patches.height.taps;
    for (std::int64_t end = k + depth; k < end; q = 0) {
      for (int r = 0; r < count; ++r) runs[r].row = patches.row(channel, runs[r].i, p) + runs[r].j;
      TapColumn tap = patches.column(q);
      for (; q < taps && k < end; ++q, ++k, tap.next(), to += width) {
        const std::int64_t offset = tap.offset();
        if (columns < width) store(to + width - kLanes<T>, Vec<T>{});
        for (int r = 0; r < count; ++r) copy_run(runs[r].row + offset, runs[r].count, to + runs[r].at);
      }
      if (++p == patches.height.taps) {
        p = 0;
        ++channel;
      }
    }
  }
};

/// Patches as rows, element (k, pixel) with k as above: the transpose, for sums over pixels.
template <class T>
struct PatchRows {
  Patches<T> patches;

  // The last vector of a row may be stored past its end, into the gap behind it.
  const T* rows(std::int64_t row, std::int64_t rows, std::int64_t pixel, std::int64_t pixels, T* buffer,
                std::int64_t& stride) const {
    stride = packed_row_stride<T>(pixels);
    const std::int64_t taps = patches.width.taps;
    const std::int64_t first_i = pixel / patches.width.output;
    const std::int64_t first_j = pixel - first_i * patches.width.output;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t q = (row + r) % taps;
      const std::int64_t p = (row + r) / taps % patches.height.taps;
      const std::int64_t channel = (row + r) / taps / patches.height.taps;
      const std::int64_t offset = patches.column(q).offset();
      T* to = buffer + r * stride;
      for (std::int64_t at = 0, i = first_i, j = first_j; at < pixels; ++i, j = 0) {
        const std::int64_t count = smaller(patches.width.output - j, pixels - at);
        copy_run(patches.row(channel, i, p) + offset + j, count, to + at);
        at += count;
      }
    }
    return buffer;
  }
};

}  // namespace assay::openmp::ASSAY_ISA
