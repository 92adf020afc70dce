// Larger geometries from an op's cases: its kernels share work among threads, and cut it into blocks, from
// sizes on that would make the cases slow to judge in wide formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "assay/graph/op.h"

namespace assay::verify {

/// `middle` is the one behind the outermost, of three or more; `matrix` are the last two, `result` the two of
/// a matrix that the op makes. `row` is the innermost, to `elements` by itself.
enum class Axis : std::uint8_t { outermost, middle, innermost, row, both, result, matrix };

/// The case with one extent of its largest input multiplied, wherever that extent occurs, until this input
/// has `elements` elements or more; or with both, or both of the result, until each is longer than any block
/// that kernels cut it into (kBlockRows, kBlockColumns); or with both of the last matrix, until each is
/// longer than two tiles (kTwoTiles). Nothing where the op's shape rule refuses that, or where another tensor
/// would be much larger.
std::optional<Case> enlarged(const OpTable& ops, const OpDef& op, const Case& c, Axis axis,
                             std::int64_t elements);

/// What kernels choose their code by beside sizes: which settings are the default ones, which axes are meant,
/// and how the inputs broadcast. Equal for cases that differ in sizes only.
std::string kind_of(const OpDef& op, const Case& c);

/// The multiply-adds of the case. REQUIRES: the op counts them.
double multiply_adds_of(const OpTable& ops, const OpDef& op, const Case& c);

}  // namespace assay::verify
