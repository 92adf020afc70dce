// The .npy format, versions 1.0 to 3.0: one array with a header (numpy/lib/format.py describes it).
// Reads boolean, integer and floating types of either byte order, in C or Fortran order; writes f32, f64, i32
// and u8.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "assay/core/tensor.h"
#include "assay/data/stored_array.h"

namespace assay {

/// The array, in dtype `wanted` or the natural one (see decode()). Throws Error naming the file and what is
/// wrong in it.
Tensor read_npy(const std::filesystem::path& path, std::optional<DType> wanted = {});

/// Writes the array, the same bytes every time, in one step (see file::write_atomically()). Throws Error for
/// a dtype that .npy has no name for.
void write_npy(const std::filesystem::path& path, const TensorView& tensor);

/// The header that write_npy() puts before the values: a multiple of 64 bytes, version 1.0.
std::string npy_header(const Spec& spec);

/// What a header says, checked against the size of the whole.
struct NpyHeader {
  StoredArray array;               ///< without bytes
  std::uint64_t header_bytes = 0;  ///< the values follow
  std::uint64_t value_bytes = 0;   ///< header_bytes + value_bytes is the size of the whole
};

/// No header is longer; readers of a stream need not look further.
inline constexpr std::size_t kNpyHeaderLimit = 65536;

/// Parses a header. `head` is the first min(total_bytes, kNpyHeaderLimit) bytes of .npy content of
/// `total_bytes` bytes. Throws Error about `path` for anything but a header whose array fills the rest
/// exactly.
NpyHeader parse_npy_header(std::span<const std::byte> head, std::uint64_t total_bytes,
                           const std::filesystem::path& path);

}  // namespace assay
