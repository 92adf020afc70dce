// StoredArray: numbers as a file holds them (any width, either byte order, rows or columns first), decoded
// into tensors. Knows no file format: npy, safetensors and idx describe their payload with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "assay/core/tensor.h"

namespace assay {

enum class StoredType : std::uint8_t { boolean, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64 };

std::size_t size_of(StoredType type) noexcept;
/// "int64", "bfloat16", ...
std::string_view name_of(StoredType type) noexcept;
bool is_integer(StoredType type) noexcept;

/// The dtype that holds the values of `type`: f64 for f64, f32 for the other floats, u8 for u8 and booleans,
/// i32 for the other integers.
DType natural_dtype(StoredType type) noexcept;

struct StoredArray {
  StoredType type = StoredType::f32;
  Shape shape;
  bool big_endian = false;
  bool column_major = false;           ///< the first axis varies fastest ("Fortran order")
  std::span<const std::byte> bytes{};  ///< exactly shape.count() · size_of(type)
};

/// The values as a row-major tensor of dtype `wanted` (natural_dtype() where it is not given). Numbers become
/// floats by rounding to nearest. Throws Error, about `path`, naming the first element that does not fit: an
/// integer outside the range of i32 or u8, a finite number beyond f32; and where floats are asked for as
/// integers.
Tensor decode(const StoredArray& array, std::optional<DType> wanted, const std::filesystem::path& path);

}  // namespace assay
