// Larger geometries from an op's cases: its kernels share work among threads, and cut it into blocks, from
// sizes on that would make the cases slow to judge in wide formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/graph/op.h"

namespace assay::verify {

/// `middle` is the one behind the outermost, of three or more; `matrix` are the last two, `result` the two of
/// a matrix that the op makes, `product` these and the one that is summed over, `filters` the first two of
/// the largest tensor of four. `row` is the innermost, and `column` the outermost, to `elements` by itself.
enum class Axis : std::uint8_t {
  outermost,
  middle,
  innermost,
  row,
  column,
  both,
  result,
  matrix,
  product,
  filters
};

/// The case with one extent of its largest input multiplied, wherever that extent occurs, until this input
/// has `elements` elements or more; or with both, or both of the result, until each is longer than most
/// blocks that kernels cut it into (kBlockRows, kBlockColumns); or of a product all, each longer than any
/// (kProductExtent, kProductTerms); or with both of the last matrix, until each is
/// longer than two tiles (kTwoTiles); or with both of the filters (kManyFilters). Nothing where the op's
/// shape rule refuses that, or where another tensor would be much larger.
std::optional<Case> enlarged(const OpTable& ops, const OpDef& op, const Case& c, Axis axis,
                             std::int64_t elements);

/// Whether it is the first input that has been enlarged, the data, and not a weight alone.
bool grows_in_data(const Case& c, const Case& large);

/// Those of the fewest rows first: of their largest input, whose innermost axis is a row.
std::vector<const Case*> flattest_first(std::vector<const Case*> cases);

/// Those of the shortest rows first, all axes but the outermost together.
std::vector<const Case*> narrowest_first(std::vector<const Case*> cases);

/// What kernels choose their code by beside sizes: which settings are the default ones, which axes are meant,
/// and how the inputs broadcast. Equal for cases that differ in sizes only.
std::string kind_of(const OpDef& op, const Case& c);

/// The multiply-adds of the case. REQUIRES: the op counts them.
double multiply_adds_of(const OpTable& ops, const OpDef& op, const Case& c);

}  // namespace assay::verify
