// Windows over the planes of an image: rows brought into a form in which each tap reads contiguous elements
// (Staging), and the operands of multiply_blocks() that packs from them. Unfolding ("im2col") is never
// written to memory as a whole.
#pragma once

#include <utility>

#include "backends/openmp/isa/gemm_block.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/transpose.h"
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

/// Lanes odd, odd + 2, ... of a and b one behind the other.
template <int odd, class V, int... Lane>
ASSAY_INLINE V every_other_lane(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane + odd)...);
}
template <int odd, class V>
ASSAY_INLINE V every_other_lane(V a, V b) {
  return every_other_lane<odd>(a, b, std::make_integer_sequence<int, kLanes<Element<V>>>{});
}

/// to[i] = from[stride · i] for i < count.
template <class T>
inline void take_strided(const T* from, std::int64_t stride, std::int64_t count, T* to) {
  constexpr int lanes = kLanes<T>;
  if (stride == 1) {
    for_lanes<T>(0, count, [&](std::int64_t i, auto part) { part.store(to + i, part.load(from + i)); });
  } else if (stride == 2) {  // by far the most frequent
    for (std::int64_t i = 0; i < count; i += lanes) {
      const std::int64_t left = 2 * (count - i) - 1;
      const Vec<T> a = load_up_to(from + 2 * i, left);
      const Vec<T> b = left > lanes ? load_up_to(from + 2 * i + lanes, left - lanes) : Vec<T>{};
      store_up_to(to + i, every_other_lane<0>(a, b), count - i);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[stride * i];
  }
}

/// Whether some window reads input row h.
inline bool is_read(const Axis& height, std::int64_t h) {
  if (height.stride == 1 || (height.dilation == 1 && height.taps >= height.stride)) return true;
  for (std::int64_t k = 0; k < height.taps; ++k) {
    if ((h + height.before - k * height.dilation) % height.stride == 0) return true;
  }
  return false;
}

template <class T>
ASSAY_INLINE void fill(T* to, std::int64_t count, T value) {
  for_lanes<T>(0, count, [&](std::int64_t i, auto lanes) { lanes.store(to + i, splat(value)); });
}

/// One part of every row of a plane: columns z, z + stride, ... counted from the padding on, which is a whole
/// row where the stride is 1.
template <class T>
inline void stage_part(const Staging& s, const Axis& height, std::int64_t width, std::int64_t z,
                       const T* plane, T padding, T* to) {
  // The image has the elements first <= i < last of the part, from its column `column` on.
  const std::int64_t first = smaller(s.part, z >= s.left ? 0 : ceil_div(s.left - z, s.stride));
  const std::int64_t end = s.left + width <= z ? 0 : ceil_div(s.left + width - z, s.stride);
  const std::int64_t last = larger(first, smaller(s.part, end));
  const std::int64_t column = z + first * s.stride - s.left;
  for (std::int64_t h = 0; h < height.input; ++h, plane += width, to += s.pitch) {
    if (!is_read(height, h)) continue;
    fill(to, first, padding);
    take_strided(plane + column, s.stride, last - first, to + first);
    fill(to + last, s.part - last, padding);
  }
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
    const T* from = image + plane * height.input * width.input;
    T* to = copies + plane * height.input * staging.pitch;
    for (std::int64_t z = 0; z < staging.stride; ++z)
      stage_part(staging, height, width.input, z, from, padding, to + z * staging.part);
  }
  return {copies, scratch, staging, height.input};
}

/// Where a row holds what tap after tap of a window reads for output 0; outputs behind follow.
class TapColumn {
 public:
  TapColumn(const Staging& staging, const Axis& width, std::int64_t tap)
      : stride_(staging.stride),
        length_(staging.part),
        advance_(width.dilation / stride_),
        turn_(width.dilation % stride_) {
    const std::int64_t z = tap * width.dilation + staging.left - width.before;
    index_ = z / stride_;
    part_ = z % stride_;
  }
  std::int64_t offset() const { return part_ * length_ + index_; }
  void next() {
    index_ += advance_;
    part_ += turn_;
    if (part_ >= stride_) {
      part_ -= stride_;
      ++index_;
    }
  }

 private:
  std::int64_t stride_, length_;
  std::int64_t advance_, turn_;
  std::int64_t index_, part_;
};

/// The windows over a staged image.
template <class T>
struct Patches {
  StagedImage<T> image;
  Axis height, width;
  TapColumn first;  ///< of tap 0

  Patches(const StagedImage<T>& staged, const Axis& vertical, const Axis& horizontal)
      : image(staged), height(vertical), width(horizontal), first(staged.staging, horizontal, 0) {}

  /// What tap row p of the windows in output row i reads.
  const T* row(std::int64_t channel, std::int64_t i, std::int64_t p) const {
    return image.row(channel, i * height.stride + p * height.dilation - height.before);
  }
  TapColumn column(std::int64_t tap) const { return {image.staging, width, tap}; }
};

/// Pixels [first, first + pixels) as vectors put together from pieces of rows, at most `most` of them.
template <class T, std::int64_t most>
class Pieces {
 public:
  Pieces(const Patches<T>& patches, std::int64_t first, std::int64_t pixels) {
    const std::int64_t columns = patches.width.output, pitch = patches.image.staging.pitch;
    std::int64_t i = first / columns, j = first - i * columns;
    for (std::int64_t at = 0; at < pixels;) {
      const std::int64_t lane = at % kLanes<T>;
      const std::int64_t run = smaller(kLanes<T> - lane, smaller(columns - j, pixels - at));
      const std::int64_t h = i * patches.height.stride - patches.height.before;
      at += run;
      whole_ = whole_ && run == kLanes<T>;
      pieces_[count_++] = {lane_range<T>(static_cast<int>(lane), static_cast<int>(lane + run)),
                           lane + run == kLanes<T> || at == pixels, h, h * pitch + j - lane, j - lane};
      j += run;
      if (j == columns) {
        ++i;
        j = 0;
      }
    }
  }

  int count() const { return count_; }
  /// Whether every piece is a vector, as of rows of a multiple of the lanes.
  bool whole() const { return whole_; }

  /// What tap (channel, p, column offset 0) reads into lane 0 of piece r.
  const T* source(const Patches<T>& patches, std::int64_t channel, std::int64_t p, int r) const {
    const StagedImage<T>& image = patches.image;
    const std::int64_t row = p * patches.height.dilation, h = pieces_[r].h + row;
    const T* inside = image.planes + (channel * image.rows + row) * image.staging.pitch + pieces_[r].offset;
    return h >= 0 && h < image.rows ? inside : image.padding + pieces_[r].column;
  }

  /// copy() where whole().
  template <class Source>
  ASSAY_INLINE void copy_whole(const Source& source, T* to) const {
    for (int r = 0; r < count_; ++r) store(to + r * kLanes<T>, load(source(r)));
  }
  /// Stores the pixels, whole vectors with zeros behind the last, from source(r).
  template <class Source>
  ASSAY_INLINE void copy(const Source& source, T* to) const {
    Vec<T> v{};
    for (int r = 0; r < count_; ++r) {
      v = load_lanes(source(r), pieces_[r].lanes, v);
      if (!pieces_[r].last) continue;
      store(to, v);
      to += kLanes<T>;
      v = Vec<T>{};
    }
  }

 private:
  struct Piece {
    LaneRange<T> lanes;
    bool last;                    ///< of its vector
    std::int64_t h;               ///< input row of tap row 0
    std::int64_t offset, column;  ///< of lane 0, in the plane and in its row
  };
  Piece pieces_[most];
  int count_ = 0;
  bool whole_ = true;
};

/// Patches as columns, element (k, column): tap k = (channel, p, q) of the window of pixel `column`.
template <class T>
struct PatchColumns {
  Patches<T> patches;

  const T* in_place(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k,
                    std::int64_t& stride) const {
    // With one row and one tap, a channel's row is the operand's row, unless it lies in the padding.
    const bool plain = patches.height.output == 1 && patches.height.taps == 1 && patches.width.taps == 1;
    if (!plain || columns != width) return nullptr;
    const T* row = patches.row(k, 0, 0);
    if (row == patches.image.padding) return nullptr;
    stride = patches.image.rows * patches.image.staging.pitch;
    return row + patches.first.offset() + column;
  }

  void pack(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t k, std::int64_t depth,
            T* to) const {
    if (depth == 0) return;  // perhaps because there are no taps
    constexpr std::int64_t most = kTileVectors * kLanes<T>;
    const Pieces<T, most> pieces(patches, column, columns);
    const std::int64_t taps = patches.width.taps;
    std::int64_t q = k % taps;
    std::int64_t p = k / taps % patches.height.taps;
    std::int64_t channel = k / taps / patches.height.taps;
    const T* sources[most];
    for (std::int64_t end = k + depth; k < end; q = 0) {
      for (int r = 0; r < pieces.count(); ++r) {
        sources[r] = pieces.source(patches, channel, p, r);
        __builtin_prefetch(pieces.source(patches, channel + 1, p, r));
      }
      TapColumn tap = patches.column(q);
      const auto pack_row = [&](const auto& copy) {
        for (; q < taps && k < end; ++q, ++k, tap.next(), to += width) {
          const std::int64_t offset = tap.offset();
          copy([&](int r) { return sources[r] + offset; });
        }
      };
      if (pieces.whole()) {
        pack_row([&](const auto& source) { pieces.copy_whole(source, to); });
      } else {
        pack_row([&](const auto& source) { pieces.copy(source, to); });
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

  const T* rows(std::int64_t row, std::int64_t rows, std::int64_t pixel, std::int64_t pixels, T* buffer,
                std::int64_t& stride) const {
    constexpr std::int64_t most = kDepthBytes / static_cast<std::int64_t>(sizeof(T));
    stride = packed_row_stride<T>(pixels);
    const Pieces<T, most> pieces(patches, pixel, pixels);
    const std::int64_t taps = patches.width.taps;
    const T* sources[most];
    T* to = buffer;
    for (std::int64_t k = row; k < row + rows;) {
      // Taps of one row of the kernel.
      const std::int64_t p = k / taps % patches.height.taps, channel = k / taps / patches.height.taps;
      for (int r = 0; r < pieces.count(); ++r) sources[r] = pieces.source(patches, channel, p, r);
      TapColumn tap = patches.column(k % taps);
      const std::int64_t end = smaller(row + rows, k - k % taps + taps);
      for (; k < end; ++k, tap.next(), to += stride) {
        const std::int64_t offset = tap.offset();
        pieces.copy([&](int r) { return sources[r] + offset; }, to);
      }
    }
    return buffer;
  }
};

/// The transpose of these, as columns: element (pixel, k).
template <class T>
struct TurnedPatches {
  PatchRows<T> patches;

  const T* in_place(std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t&) const {
    return nullptr;
  }

  void pack(std::int64_t column, std::int64_t columns, std::int64_t width, std::int64_t pixel,
            std::int64_t pixels, T* to) const {
    constexpr std::int64_t lanes = kLanes<T>, most = kDepthBytes / static_cast<std::int64_t>(sizeof(T));
    T rows[lanes * (round_up(most, kRowGap<T>) + kRowGap<T>)];
    std::int64_t stride = 0;
    for (std::int64_t c = 0; c < width; c += lanes) {
      const std::int64_t count = smaller(lanes, columns - c);
      patches.rows(column + c, count, pixel, pixels, rows, stride);
      transpose_block<T>(rows, stride, count, pixels, to + c, width, lanes);
    }
  }
};

}  // namespace assay::openmp::ASSAY_ISA
