// A kernel for a backend that exists: openmp's `add` of two equal shapes in f32, by AVX-512 where the
// processor has it. The backend asks it first; what it refuses, the backend's own kernel computes.
#include <assay/plugin.h>

#ifdef __x86_64__
#include <immintrin.h>

namespace {

__attribute__((target("avx512f"))) void add_avx512(const float* a, const float* b, float* c, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(c + i, _mm512_add_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
  for (; i < n; ++i) c[i] = a[i] + b[i];
}

assay::Offer offer_add(const assay::Site& site) {
  using assay::Refusal;
  if (!__builtin_cpu_supports("avx512f")) return Refusal{"avx512_add: the processor has no AVX-512"};
  if (site.ops.size() != 1) return Refusal{"avx512_add: a fused site"};
  if (site.output().dtype != assay::DType::f32) return Refusal{"avx512_add: f32 alone"};
  if (site.input(0) != site.input(1)) return Refusal{"avx512_add: operands that broadcast"};
  return assay::make_plan("avx512_add", [n = site.output().count()](const assay::Io& io) {
    add_avx512(io.in<float>(0), io.in<float>(1), io.out<float>(0), n);
  });
}

}  // namespace
#endif

ASSAY_PLUGIN("avx512_add", "1.0", registry) {
#ifdef __x86_64__
  registry.add_kernel("openmp", "add", offer_add);
#endif
}
