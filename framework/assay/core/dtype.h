// Element types of tensors, as a closed run-time enumeration.
// Users choose f32 or f64; i32 and u8 carry labels, indices and masks; the rest exist for verification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay {

enum class DType : std::uint8_t {
  f32,
  f64,
  i32,
  u8,
  quad,       ///< 113-bit significand (Boost.Multiprecision cpp_bin_float_quad)
  dual64,     ///< f64 value with one forward-mode derivative
  dual_quad,  ///< quad value with one forward-mode derivative
  bound32,    ///< f64 value with a bound on the error of computing it in f32, see Bound
  bound64,    ///< quad value with a bound on the error of computing it in f64
  lattice,    ///< exact 64-bit integers; overflow and inexact division are sticky, see Lattice
};

/// Bytes of one element.
std::size_t size_of(DType dtype) noexcept;

/// The name used in files and messages: "f32", "dual_quad", ...
std::string_view name_of(DType dtype) noexcept;

/// The dtype of that name. Throws Error naming the nearest valid name.
DType parse_dtype(std::string_view name);

/// Every dtype, in declaration order.
std::span<const DType> all_dtypes() noexcept;

/// True where values carry cotangents: everything but i32 and u8.
constexpr bool is_real(DType dtype) noexcept { return dtype != DType::i32 && dtype != DType::u8; }

/// True for the dtypes that experiments may train in: f32 and f64.
constexpr bool is_trainable(DType dtype) noexcept { return dtype == DType::f32 || dtype == DType::f64; }

}  // namespace assay
