// Moving elements: copies between strided runs, and rows gathered by index.
#include "backends/eigen/isa/eigen_isa.h"
#include "backends/eigen/isa/families.h"
#include "backends/eigen/isa/nest.h"

namespace assay::eigen::ASSAY_ISA {
namespace {

using Eigen::Dynamic;
using Eigen::InnerStride;
using Eigen::OuterStride;

template <class T>
using Run = Eigen::Map<Eigen::Array<T, Dynamic, 1>>;
template <class T>
using ConstRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>>;
template <class T>
using StridedRun = Eigen::Map<Eigen::Array<T, Dynamic, 1>, 0, InnerStride<>>;
template <class T>
using ConstStridedRun = Eigen::Map<const Eigen::Array<T, Dynamic, 1>, 0, InnerStride<>>;

// y [rows, columns] with rows contiguous becomes x with columns contiguous, in tiles that stay in the
// first-level cache.
template <class T>
void transpose(const T* x, Index column_stride, T* y, Index row_stride, Index rows, Index columns) {
  using ColumnMajor = Eigen::Map<const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor>, 0, OuterStride<>>;
  using RowMajor = Eigen::Map<Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor>, 0, OuterStride<>>;
  constexpr Index tile = 32;
  for (Index r = 0; r < rows; r += tile) {
    const Index height = rows - r < tile ? rows - r : tile;
    for (Index c = 0; c < columns; c += tile) {
      const Index width = columns - c < tile ? columns - c : tile;
      RowMajor(y + r * row_stride + c, height, width, OuterStride<>(row_stride)) =
          ColumnMajor(x + r + c * column_stride, height, width, OuterStride<>(column_stride));
    }
  }
}

template <class T>
void copy(const Nest& nest, const T* x, T* y) {
  const Index n = nest.run, step_x = nest.run_stride[0], step_y = nest.run_stride[1];
  if (nest.transposed) {
    Nest outer = nest;
    const int last = --outer.rank;
    for_each_run<2>(outer, [&](Index i, Index j) {
      transpose(x + i, step_x, y + j, nest.stride[1][last], nest.extent[last], n);
    });
  } else if (step_x == 0 && step_y == 1) {
    for_each_run<2>(nest, [=](Index i, Index j) { Run<T>(y + j, n).setConstant(x[i]); });
  } else if (step_x == 1 && step_y == 1) {
    for_each_run<2>(nest, [=](Index i, Index j) { Run<T>(y + j, n) = ConstRun<T>(x + i, n); });
  } else {
    for_each_run<2>(nest, [=](Index i, Index j) {
      StridedRun<T>(y + j, n, InnerStride<>(step_y)) = ConstStridedRun<T>(x + i, n, InnerStride<>(step_x));
    });
  }
}

template <class T>
void gather(const T* table, const std::int32_t* index, T* y, Index rows, Index width, Index count) {
  for (Index i = 0; i < count; ++i) {
    Run<T> row(y + i * width, width);
    if (index[i] >= 0 && index[i] < rows) {
      row = ConstRun<T>(table + index[i] * width, width);
    } else {
      row.setConstant(Eigen::NumTraits<T>::quiet_NaN());
    }
  }
}

// Rows that share an index add up in the order of i.
template <class T>
void gather_grad(const T* dy, const std::int32_t* index, T* dtable, Index rows, Index width, Index count) {
  Run<T>(dtable, rows * width).setZero();
  for (Index i = 0; i < count; ++i) {
    if (index[i] < 0 || index[i] >= rows) continue;
    Run<T>(dtable + index[i] * width, width) += ConstRun<T>(dy + i * width, width);
  }
}

}  // namespace

template <class T>
void add_movement(Kernels<T>& table) {
  table.copy = copy<T>;
  table.gather = gather<T>;
  table.gather_grad = gather_grad<T>;
}

template void add_movement<float>(Kernels<float>&);
template void add_movement<double>(Kernels<double>&);

}  // namespace assay::eigen::ASSAY_ISA
