// What convolution and its gradients have in common.
#pragma once

#include "backends/openmp/isa/gemm_block.h"
#include "backends/openmp/window_types.h"

namespace assay::openmp::ASSAY_ISA {

// With fewer results than this per window and group, no packed operand is read often enough.
inline constexpr std::int64_t kDirectResults = 3;

/// The threads that the multiply-adds of a convolution, or of either gradient, are worth.
inline int worthwhile_threads(const Convolution& s, int threads) {
  const double work = static_cast<double>(s.images * s.groups * s.channels) * static_cast<double>(s.filters) *
                      static_cast<double>(s.height.taps * s.width.taps) *
                      static_cast<double>(s.height.output * s.width.output);
  return work < kThreadWork * threads ? 1 : threads;
}

/// Bytes of so many elements, whole cache lines.
template <class T>
inline std::size_t cache_lines(std::int64_t elements) {
  return static_cast<std::size_t>(round_up(elements * static_cast<std::int64_t>(sizeof(T)), 64));
}

/// Elements of scratch for multiply_blocks().
template <class T>
inline std::int64_t block_scratch(const Blocking& blocking) {
  return column_scratch<T>(blocking) + row_scratch<T>(blocking);
}

/// Blocks of one panel: packed patches are read by few rows of weights, and so are best read at once.
template <class T>
inline Blocking panel_blocking(std::int64_t columns, std::int64_t depth) {
  const std::int64_t vectors = ceil_div(larger(columns, 1), kLanes<T>);
  return {blocking_of<T>(columns, depth).depth,
          ceil_div(vectors, ceil_div(vectors, kTileVectors)) * kLanes<T>};
}

/// The indices of [0, count) that belong to a range of `parts` parts.
inline Range indices_of(std::int64_t count, std::int64_t parts, Range range) {
  return {part_of(count, parts, range.begin).begin, part_of(count, parts, range.end - 1).end};
}

/// Books the scratch of `plan`: plan.weight_bytes for all threads, then this much for each.
template <class T>
inline void book_scratch(ConvolutionPlan& plan, std::int64_t elements) {
  plan.scratch_per_thread = cache_lines<T>(elements);
  plan.scratch_bytes = plan.weight_bytes + plan.scratch_per_thread * static_cast<std::size_t>(plan.threads);
}
template <class T>
inline T* scratch_of(const ConvolutionPlan& plan, void* scratch, std::int64_t worker) {
  return reinterpret_cast<T*>(static_cast<char*>(scratch) + plan.weight_bytes +
                              static_cast<std::size_t>(worker) * plan.scratch_per_thread);
}

/// `results` are planes of the product, of one group.
inline ConvolutionPlan share_out(const Convolution& shape, int threads, std::int64_t results) {
  ConvolutionPlan plan{};
  plan.shape = shape;
  plan.direct = results < kDirectResults;
  plan.threads = worthwhile_threads(shape, threads);
  // Few images are cut up, or the threads would get unequal shares.
  plan.parts = shape.images * shape.groups >= 8 * plan.threads ? 1 : plan.threads;
  return plan;
}

/// body(worker, image, parts) for ranges of the plan's parts of each image and group, shared by the threads.
template <class Body>
inline void for_each_image(const ConvolutionPlan& plan, const Body& body) {
  const std::int64_t units = plan.shape.images * plan.shape.groups * plan.parts;
  const std::int64_t workers = smaller(plan.threads, units);
  parallel_for(plan.threads, workers, [&](std::int64_t worker) {
    const Range range = part_of(units, workers, worker);
    for (std::int64_t unit = range.begin; unit < range.end;) {
      const std::int64_t image = unit / plan.parts, first = image * plan.parts;
      const std::int64_t end = smaller(range.end, first + plan.parts);
      body(worker, image, Range{unit - first, end - first});
      unit = end;
    }
  });
}

}  // namespace assay::openmp::ASSAY_ISA
