// Which instruction set the kernels that are built once per processor generation run with
// (framework/cmake/assay_isa.cmake).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace assay {

/// In rising order: a processor that supports one supports those before it.
enum class Isa : std::uint8_t {
  baseline,  ///< what the framework itself is built for (SSE2 on x86-64)
  avx2,      ///< AVX2, FMA and F16C
  avx512,    ///< AVX-512 F, BW, DQ, VL and CD, besides avx2
};

/// "baseline", "avx2" or "avx512".
std::string_view name_of(Isa isa) noexcept;

/// Every instruction set, in declaration order.
std::span<const Isa> all_isas() noexcept;

/// Whether this processor and its operating system run code built for `isa`, and this build contains such
/// code.
bool is_supported(Isa isa) noexcept;

/// The widest supported instruction set, or the one that the environment variable ASSAY_ISA names. Reads the
/// environment anew at each call. Throws Error if ASSAY_ISA is not a name, or names what this processor
/// lacks.
Isa selected_isa();

}  // namespace assay
