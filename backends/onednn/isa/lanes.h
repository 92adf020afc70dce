// Vectors as wide as the registers of the instruction set that is being compiled for. Internal linkage, as in
// parallel.h.
#pragma once

#include <cstdint>

namespace assay::onednn {
namespace {

#if defined(ASSAY_ISA_avx512)
constexpr int kWidth = 16;
#elif defined(ASSAY_ISA_avx2)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
typedef float Values __attribute__((vector_size(kWidth * sizeof(float))));
typedef std::int32_t Indices __attribute__((vector_size(kWidth * sizeof(std::int32_t))));

inline Values load(const float* from) {
  Values values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}
/// The derivative of relu where its output is `gate`: by a product, which a NaN outlives.
inline Values open_lanes(const float* gate) { return load(gate) > 0.0f ? Values{} + 1.0f : Values{}; }
inline void store(float* to, Values values) { __builtin_memcpy(to, &values, sizeof values); }

}  // namespace
}  // namespace assay::onednn
