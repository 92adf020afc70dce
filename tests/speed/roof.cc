#include "speed/roof.h"

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "speed/clock.h"

namespace assay::speed {
namespace {

constexpr int kAttempts = 15;  // of which the fastest counts

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
typedef float Register __attribute__((vector_size(kWidth * sizeof(float))));
constexpr int kChains = 12;  // more than a unit's latency times the number of units, within 16 registers

// Every thread's clock runs where processor time is counted.
template <class Run>
double fastest(int threads, clockid_t clock, Run run) {
  double least = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double start = now(clock);
    run();
    const double seconds = (now(clock) - start) / (clock == CLOCK_PROCESS_CPUTIME_ID ? threads : 1);
    if (attempt == 0 || seconds < least) least = seconds;
  }
  return least;
}

// This file alone is compiled with contraction: `a * x + y` is one instruction.
[[gnu::noinline]] float spin(std::int64_t rounds, float factor) {
  Register sums[kChains], x = Register{} + factor;
  // Each from a number of its own: of chains that are alike a compiler computes one.
  for (int chain = 0; chain < kChains; ++chain) sums[chain] = x * static_cast<float>(chain);
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sums[chain] = sums[chain] * x + x;
  }
  Register total{};
  for (const Register& sum : sums) total += sum;
  return total[0];
}

}  // namespace

double peak_multiply_adds(int threads, clockid_t clock) {
  constexpr std::int64_t kRounds = 2000000;
  std::vector<float> kept(static_cast<std::size_t>(threads));
  const double seconds = fastest(threads, clock, [&] {
#pragma omp parallel num_threads(threads)
    kept[static_cast<std::size_t>(omp_get_thread_num())] = spin(kRounds, 0.5f);
  });
  return static_cast<double>(kRounds) * kChains * kWidth * threads / seconds;
}

double peak_bandwidth(Stream stream, std::int64_t floats, int threads, clockid_t clock) {
  std::vector<float> arrays[3];
  for (std::vector<float>& array : arrays) array.assign(static_cast<std::size_t>(floats), 1.0f);
  float* __restrict__ a = arrays[0].data();
  const float* __restrict__ b = arrays[1].data();
  const float* __restrict__ c = arrays[2].data();
  const double seconds = fastest(threads, clock, [&] {
    switch (stream) {
      case Stream::copy:
#pragma omp parallel for simd num_threads(threads) schedule(static)
        for (std::int64_t i = 0; i < floats; ++i) a[i] = b[i] * 0.5f;  // a call of memcpy it shall not be
        break;
      case Stream::triad:
#pragma omp parallel for simd num_threads(threads) schedule(static)
        for (std::int64_t i = 0; i < floats; ++i) a[i] = b[i] + 0.5f * c[i];
        break;
      case Stream::onto:
#pragma omp parallel for simd num_threads(threads) schedule(static)
        for (std::int64_t i = 0; i < floats; ++i) a[i] += 0.5f * b[i];
        break;
    }
  });
  const double streams = stream == Stream::copy ? 2 : 3;
  return streams * static_cast<double>(floats) * sizeof(float) / seconds;
}

}  // namespace assay::speed
