// Plain data of the kernels that slide a window over an image.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::openmp {

/// One axis of a window. Tap k of output o reads input position o·stride + k·dilation − before, and padding
/// where that lies outside [0, input). REQUIRES: stride >= 1, dilation >= 1.
struct Axis {
  std::int64_t input;
  std::int64_t output;
  std::int64_t taps;
  std::int64_t stride;
  std::int64_t dilation;
  std::int64_t before;  ///< padding in front; negative where the first windows begin inside the image
};

/// Images [images, groups · channels, height.input, width.input], weights [groups · filters, channels,
/// height.taps, width.taps], results [images, groups · filters, height.output, width.output].
struct Convolution {
  std::int64_t images, groups;
  std::int64_t channels, filters;  ///< of one group
  Axis height, width;
};

/// How the rows of an image lie while windows read them. Copied rows have their padding around them and are
/// unzipped: column z, counted from the first column of the padding, at z % stride · part + z / stride, so
/// that what a tap reads for neighbouring outputs lies contiguous.
struct Staging {
  bool copied;        ///< otherwise rows are read where they are; then no window reaches into padding
  std::int64_t left;  ///< columns of padding in front of the image
  std::int64_t stride;
  std::int64_t part;
  std::int64_t pitch;  ///< elements from row to row
};

/// How a convolution or its gradient by the input is cut up.
struct ConvolutionPlan {
  Convolution shape;
  Staging staging;           ///< of x, or of dy for the gradient
  bool direct;               ///< so few results per window that packing for GEMM does not pay
  int threads;               ///< 1, or all that the caller allowed
  std::int64_t parts;        ///< each image and group is cut into so many, for threads to share
  std::size_t weight_bytes;  ///< scratch for turned weights, common to all threads
  std::size_t scratch_per_thread;
  std::size_t scratch_bytes;
};

/// Points of the minimal filtering F(4 × 4, 3 × 3), besides infinity. They are oneDNN's, the errors of which
/// are smaller than those of 0, ±1, ±2.
inline constexpr double kFilteringPoints[] = {0, 0.625, -0.625, 1.5, -1.5};

/// How a convolution by minimal filtering is cut up; of one group, 3 × 3 taps, stride 1 and dilation 1. As a
/// gradient by the input: of dy, with weights [channels, filters, 3, 3] that are turned by half.
struct WinogradPlan {
  Convolution shape;
  bool turned;
  int threads;               ///< 1, or all that the caller allowed
  std::int64_t rows;         ///< of tiles, that are computed together
  std::size_t weight_bytes;  ///< scratch for transformed weights, common to all threads
  std::size_t scratch_per_thread;
  std::size_t scratch_bytes;
};

/// How a convolution's gradient by the weights is cut up. Its sum over images is a fixed tree: chunks of
/// images are summed one image after the other, then the chunks.
struct WeightGradPlan {
  Convolution shape;
  Staging staging;  ///< of x
  bool direct;
  bool turned;  ///< the sums of a chunk are [filters × taps], not [taps × filters]
  int threads;
  std::int64_t chunks;
  std::size_t partial_bytes;  ///< scratch for the chunks' sums, common to all threads
  std::size_t scratch_per_thread;
  std::size_t scratch_bytes;
};

/// Pooling of `planes` planes, each by itself.
struct Pooling {
  std::int64_t planes;
  Axis height, width;          ///< only extents for what goes by indices
  bool count_padding = false;  ///< of averages: divide by all taps
};

struct PoolingPlan {
  Pooling shape;
  bool pairs;  ///< windows are pairs of neighbouring columns, which are read as they lie; else:
  Staging staging;
  int threads;
  std::size_t scratch_per_thread;
  std::size_t scratch_bytes;
};

}  // namespace assay::openmp
