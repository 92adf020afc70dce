// Larger geometries from an op's cases: its kernels share work among threads, and cut it into blocks, from
// sizes on that would make the cases slow to judge in wide formats.
#pragma once

#include <cstdint>
#include <optional>

#include "assay/graph/op.h"

namespace assay::verify {

enum class Axis : std::uint8_t { outermost, innermost, both };

/// The case with one extent of its largest input multiplied, wherever that extent occurs, until this input
/// has `elements` elements or more; or with both, until each is longer than any block that kernels cut it
/// into (kBlockRows, kBlockColumns). Nothing where the op's shape rule refuses that, or where another tensor
/// would be much larger.
std::optional<Case> enlarged(const OpTable& ops, const OpDef& op, const Case& c, Axis axis,
                             std::int64_t elements);

}  // namespace assay::verify
