// Plans reductions over axes: which loops they run over and how they are cut into parts.
#pragma once

#include <span>

#include "assay/program/backend.h"
#include "backends/openmp/kernel_types.h"

namespace assay::openmp {

/// The reduction of a dense tensor over ascending `axes`.
Reduction make_reduction(const Shape& shape, std::span<const int> axes);

/// One result from n contiguous elements.
Reduction make_reduction(std::int64_t n);

/// One result from each column of a dense matrix.
Reduction make_column_reduction(std::int64_t rows, std::int64_t columns);

/// Terms behind each result.
std::int64_t terms_of(const Reduction& reduction);

/// For the parts' results of `quantities` sums at a time.
std::size_t scratch_of(const Reduction& reduction, int quantities, DType dtype);

/// A height to declare in Plan::accuracy: 0, any order, where `height` is no lower than that of the `terms`.
std::int64_t declared_height(std::int64_t height, std::int64_t terms);

}  // namespace assay::openmp
