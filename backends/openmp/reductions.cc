#include "backends/openmp/reductions.h"

#include <algorithm>
#include <vector>

#include "backends/openmp/nests.h"

namespace assay::openmp {
namespace {

// Elements in a part of a run: enough to be worth a task, few enough to keep the tree low.
constexpr std::int64_t kPartElements = 4096;
// Rows in a part of columns, at least; more where that makes as many parts as rows in each.
constexpr std::int64_t kPartRows = 128;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Axes of a tensor with the steps along them.
struct Axes {
  std::vector<std::int64_t> extents;
  Strides strides{};
  Nest nest() const { return make_nest(Shape(extents), {&strides, 1}); }
};

// Takes the innermost loop away.
std::int64_t pop(Nest& nest) {
  const std::int64_t extent = nest.extent[nest.rank - 1];
  if (nest.rank > 1) {
    --nest.rank;
  } else {
    nest.extent[0] = 1;
    nest.stride[0][0] = 0;
  }
  return extent;
}

std::int64_t steps_of(const Nest& nest) {
  std::int64_t steps = 1;
  for (int d = 0; d < nest.rank; ++d) steps *= nest.extent[d];
  return steps;
}

void cut_runs(Reduction& r) {
  r.pieces = std::max<std::int64_t>(1, ceil_div(r.run, kPartElements));
  r.piece = r.pieces > 1 ? kPartElements : r.run;
  r.joined = r.pieces > 1 ? 1 : std::max<std::int64_t>(1, kPartElements / std::max<std::int64_t>(1, r.run));
  r.parts = std::max<std::int64_t>(1, r.pieces > 1 ? r.runs * r.pieces : ceil_div(r.runs, r.joined));
}

void cut_columns(Reduction& r) {
  r.pieces = r.piece = 1;
  r.joined = kPartRows;
  while (r.joined * r.joined < r.runs) r.joined *= 2;
  r.parts = std::max<std::int64_t>(1, ceil_div(r.runs, r.joined));
}

// One result of one element, not cut yet.
Reduction single() {
  Reduction r{};
  r.kept.rank = r.reduced.rank = 1;
  r.kept.extent[0] = r.reduced.extent[0] = 1;
  r.groups = r.columns = r.runs = r.run = 1;
  return r;
}

}  // namespace

Reduction make_reduction(const Shape& shape, std::span<const int> axes) {
  const Strides strides = dense_strides(shape);
  Axes kept, reduced;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    Axes& side = std::ranges::find(axes, axis) == axes.end() ? kept : reduced;
    side.strides[side.extents.size()] = strides[static_cast<std::size_t>(axis)];
    side.extents.push_back(shape[axis]);
  }
  Reduction r{};
  r.kept = kept.nest();
  r.reduced = reduced.nest();
  const int last = r.reduced.rank - 1;
  r.columnwise = r.reduced.extent[last] <= 1 || r.reduced.stride[0][last] != 1;
  r.columns = r.columnwise ? pop(r.kept) : 1;
  r.run = r.columnwise ? 1 : pop(r.reduced);
  r.groups = steps_of(r.kept);
  r.runs = steps_of(r.reduced);
  r.columnwise ? cut_columns(r) : cut_runs(r);
  return r;
}

Reduction make_reduction(std::int64_t n) {
  Reduction r = single();
  r.run = n;
  cut_runs(r);
  return r;
}

Reduction make_column_reduction(std::int64_t rows, std::int64_t columns) {
  Reduction r = single();
  r.columnwise = true;
  r.columns = columns;
  r.runs = r.reduced.extent[0] = rows;
  r.reduced.stride[0][0] = columns;
  cut_columns(r);
  return r;
}

std::int64_t terms_of(const Reduction& r) { return r.runs * r.run; }

std::size_t scratch_of(const Reduction& r, int quantities, DType dtype) {
  if (r.parts == 1) return 0;
  return static_cast<std::size_t>(quantities * r.groups * r.parts * r.columns) * size_of(dtype);
}

std::int64_t declared_height(std::int64_t height, std::int64_t terms) { return height < terms ? height : 0; }

}  // namespace assay::openmp
