// Splitting: a part of the training data is held back for validation, for testing, or for both.
#pragma once

#include <cstdint>
#include <vector>

#include "assay/data/dataset.h"
#include "assay/graph/fields.h"

namespace assay {

/// How much of the training data each part takes: 0 for nothing, below 1 a fraction of the rows (rounded to
/// the nearest number of rows, halves up), from 1 on a number of rows.
struct SplitOptions {
  double validation = 0;
  double test = 0;
};
std::vector<FieldDef> split_fields();
SplitOptions split_options(const Fields& fields);

/// Moves rows of `data.train` into new `validation` and `test` sets: which ones is a random choice by `seed`
/// alone. Every part keeps its rows in the order of the source. Throws Error for a number of rows that is not
/// whole, a fraction that rounds to no rows, a part that the source has already, or where no training row
/// would be left.
void split(SplitDataset& data, const SplitOptions& options, std::uint64_t seed);

}  // namespace assay
