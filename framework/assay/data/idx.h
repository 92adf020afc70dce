// The IDX format of the MNIST family, plain or gzipped: big-endian numbers behind a magic number and the
// extents.
#pragma once

#include <filesystem>

#include "assay/core/tensor.h"

namespace assay {

/// The array of an IDX file, in its natural dtype (unsigned bytes are u8). Whether it is gzipped is told by
/// its first bytes. Throws Error naming the file and what is wrong: another magic number, extents whose
/// product the content does not have exactly, truncated or damaged gzip data.
Tensor read_idx(const std::filesystem::path& path);

}  // namespace assay
