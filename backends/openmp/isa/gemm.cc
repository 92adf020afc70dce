// Matrix products. Before running, plan_gemm() weighs which operand to pack: with few rows and C = X·Wᵀ it is
// cheaper to compute Cᵀ = W·Xᵀ, which reads the large W in place and packs the small X, and to store the
// result transposed.
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/gemm_sources.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

static_assert(kDepthBytes / sizeof(double) >= kWholeDepth);

// Cost of moving one element into or out of packed form, in cycles per 64 bytes of vector, measured on Zen 5;
// only their ratio to the tiles' multiply-adds matters, and only where two ways are close.
constexpr double kCopyCost = 4.0;
constexpr double kTransposeCost = 8.0;
// With more rows than this, columns are packed even where they could be read in place: packing pays by the
// better locality of its later readers, and soon where the steps of the depth evict each other from the
// cache.
constexpr std::int64_t kDirectRows = 256;
constexpr std::int64_t kCollidingDirectRows = 2 * kTileRows;

/// The product as multiply_blocks() sees it: C or its transpose.
struct Oriented {
  std::int64_t rows, columns, depth;
  std::int64_t row_stride, row_depth_stride;
  std::int64_t column_stride, column_depth_stride;
};

Oriented orient(const GemmShape& s, bool transposed) {
  if (transposed) return {s.n, s.m, s.k, s.b_column, s.b_row, s.a_row, s.a_column};
  return {s.m, s.n, s.k, s.a_row, s.a_column, s.b_column, s.b_row};
}

// Whole panels of contiguous columns can be read in place.
template <class T>
bool reads_columns_in_place(const Oriented& o, std::int64_t rows) {
  const bool collide = strides_collide<T>(o.column_depth_stride);
  return o.column_stride == 1 && rows <= (collide ? kCollidingDirectRows : kDirectRows);
}

/// Cycles that the slowest thread of a grid takes.
template <class T>
double estimated_cycles(const Oriented& o, bool transposed, int row_parts, int column_parts) {
  constexpr double lanes = kLanes<T>;
  const std::int64_t rows = smaller(o.rows, ceil_div(ceil_div(o.rows, kTileRows), row_parts) * kTileRows);
  const std::int64_t vectors = ceil_div(ceil_div(o.columns, kLanes<T>), column_parts);
  const std::int64_t row_tiles = ceil_div(rows, kTileRows);
  const std::int64_t panels = ceil_div(vectors, kTileVectors);
  const double depth = static_cast<double>(o.depth);

  // Per step of the depth, a tile of r × v vectors issues r·v multiply-adds and r + v loads, two of either at
  // a time, and needs eight independent sums to hide the latency of a multiply-add.
  const double r = static_cast<double>(rows) / static_cast<double>(row_tiles);
  const double v = static_cast<double>(vectors) / static_cast<double>(panels);
  double step = 4.0;
  if (step < r * v / 2) step = r * v / 2;
  if (step < (r + v) / 2) step = (r + v) / 2;
  double cycles = step * depth * static_cast<double>(row_tiles * panels);

  const double row_vectors = static_cast<double>(rows) * depth / lanes;
  const double column_vectors = static_cast<double>(vectors) * depth;
  const Blocking blocking = blocking_of<T>(vectors * kLanes<T>, o.depth);
  const double column_blocks = static_cast<double>(ceil_div(vectors * kLanes<T>, blocking.columns));
  if (o.row_depth_stride != 1) {
    cycles += kTransposeCost * row_vectors * column_blocks;
  } else if (strides_collide<T>(o.row_stride)) {
    cycles += kCopyCost * row_vectors * column_blocks;
  }
  if (o.column_stride != 1) {
    cycles += kTransposeCost * column_vectors;
  } else if (!reads_columns_in_place<T>(o, rows)) {
    cycles += kCopyCost * column_vectors;
  }
  if (transposed) {
    const double depth_blocks = static_cast<double>(ceil_div(larger(o.depth, 1), blocking.depth));
    cycles += kTransposeCost * static_cast<double>(rows * vectors) * depth_blocks;
  }
  return cycles;
}

// The blocks of a planned product.
template <class T>
Blocking planned_blocking(const GemmPlan& plan, const Oriented& o) {
  return {.depth = plan.block_depth,
          .columns = plan.block_columns,
          .packs_columns = !plan.direct_columns || o.columns % kLanes<T> != 0,
          .packs_rows = plan.copy_rows || o.row_depth_stride != 1};
}

template <class T>
GemmPlan plan_gemm(const GemmShape& shape, int threads) {
  GemmPlan plan{};
  plan.shape = shape;
  const double work =
      static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k + 1);
  const double batch_work = work * static_cast<double>(shape.batch);
  if (batch_work < kThreadWork * threads) threads = 1;
  plan.threads = threads;
  plan.batch_parts = static_cast<int>(larger(1, smaller(threads, shape.batch)));
  const int team = threads / plan.batch_parts;

  double best = -1.0;
  for (const bool transposed : {false, true}) {
    const Oriented o = orient(shape, transposed);
    if (o.rows == 0 || o.columns == 0) continue;
    for (int row_parts = 1; row_parts <= team; ++row_parts) {
      if (team % row_parts != 0) continue;
      const double cycles = estimated_cycles<T>(o, transposed, row_parts, team / row_parts);
      if (best >= 0.0 && cycles >= best) continue;
      best = cycles;
      plan.transposed = transposed;
      plan.row_parts = row_parts;
      plan.column_parts = team / row_parts;
    }
  }
  if (best < 0.0) plan.row_parts = plan.column_parts = 1;

  const Oriented o = orient(shape, plan.transposed);
  const std::int64_t rows = ceil_div(o.rows, plan.row_parts);
  plan.copy_rows = strides_collide<T>(o.row_stride);
  plan.direct_columns = reads_columns_in_place<T>(o, rows);
  const std::int64_t columns = ceil_div(ceil_div(o.columns, kLanes<T>), plan.column_parts) * kLanes<T>;
  const Blocking blocking = blocking_of<T>(columns, o.depth);
  plan.block_depth = blocking.depth;
  plan.block_columns = blocking.columns;
  const Blocking planned = planned_blocking<T>(plan, o);
  std::int64_t elements = column_scratch<T>(planned) + row_scratch<T>(planned);
  if (plan.transposed) elements += kStripRows * blocking.columns;
  plan.scratch_per_thread =
      static_cast<std::size_t>(round_up(elements * static_cast<std::int64_t>(sizeof(T)), 64));
  plan.scratch_bytes = plan.scratch_per_thread * static_cast<std::size_t>(team * plan.batch_parts);
  return plan;
}

/// The part of one product that belongs to place (row_part, column_part) of the grid.
template <class T>
void multiply_share(const GemmPlan& plan, const GemmOperands<T>& x, int row_part, int column_part,
                    T* scratch) {
  const Oriented o = orient(plan.shape, plan.transposed);
  const Range row_tiles = part_of(ceil_div(o.rows, kTileRows), plan.row_parts, row_part);
  const Range vectors = part_of(ceil_div(o.columns, kLanes<T>), plan.column_parts, column_part);
  const Share share{{row_tiles.begin * kTileRows, smaller(o.rows, row_tiles.end * kTileRows)},
                    {vectors.begin * kLanes<T>, smaller(o.columns, vectors.end * kLanes<T>)}};
  const Blocking blocking = planned_blocking<T>(plan, o);
  const MatrixRows<T> rows{plan.transposed ? x.b : x.a, o.row_stride, o.row_depth_stride, plan.copy_rows};
  const MatrixColumns<T> columns{plan.transposed ? x.a : x.b, o.column_depth_stride, o.column_stride,
                                 plan.direct_columns};
  if (plan.transposed) {
    T* strip = scratch + column_scratch<T>(blocking) + row_scratch<T>(blocking);
    const TransposedSink<T> sink{x.c,   plan.shape.c_row,  x.alpha, x.beta, x.epilogue,
                                 strip, plan.block_columns};
    multiply_blocks<T>(share, o.depth, blocking, rows, columns, sink, scratch);
  } else {
    const MatrixSink<T> sink{x.c, plan.shape.c_row, x.alpha, x.beta, x.epilogue};
    multiply_blocks<T>(share, o.depth, blocking, rows, columns, sink, scratch);
  }
}

template <class T>
void gemm(const GemmPlan& plan, const GemmOperands<T>& operands, void* scratch) {
  const int team = plan.row_parts * plan.column_parts;
  parallel_for(plan.threads, team * plan.batch_parts, [&](std::int64_t worker) {
    T* own = reinterpret_cast<T*>(static_cast<char*>(scratch) +
                                  worker * static_cast<std::int64_t>(plan.scratch_per_thread));
    const int place = static_cast<int>(worker % team);
    const Range batch = part_of(plan.shape.batch, plan.batch_parts, worker / team);
    for (std::int64_t i = batch.begin; i < batch.end; ++i) {
      GemmOperands<T> x = operands;
      x.a += i * plan.shape.a_batch;
      x.b += i * plan.shape.b_batch;
      x.c += i * plan.shape.c_batch;
      multiply_share(plan, x, place / plan.column_parts, place % plan.column_parts, own);
    }
  });
}

}  // namespace

template <class T>
void add_gemm(Kernels<T>& kernels) {
  kernels.plan_gemm = plan_gemm<T>;
  kernels.gemm = gemm<T>;
}

template void add_gemm<float>(Kernels<float>&);
template void add_gemm<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
