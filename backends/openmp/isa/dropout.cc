// Dropout: a random word per element, by its place alone (framework/assay/ops/dropout.h).
#include "backends/openmp/isa/families.h"
#include "backends/openmp/isa/lanes.h"
#include "backends/openmp/isa/philox.h"

namespace assay::openmp::ASSAY_ISA {
namespace {

// Elements of a sample that one thread takes at a time; a multiple of the words of a draw.
constexpr std::int64_t kStretch = 1024;
static_assert(kStretch % kDrawnWords == 0);
// A random word costs several instructions.
constexpr std::int64_t kDropoutGrain = kGrain / 4;

template <class T>
struct Neighbours {
  typedef std::uint32_t Words __attribute__((vector_size(kLanes<T> * 4)));
  typedef std::int8_t Bytes __attribute__((vector_size(kLanes<T>)));
};

template <class T>
void drop(const Dropout<T>& d, const PhiloxKey& key, std::int64_t first, std::int64_t last, const T* x, T* y,
          std::uint8_t* mask) {
  using Words = typename Neighbours<T>::Words;
  using Bytes = typename Neighbours<T>::Bytes;
  const Vec<T> scale = splat(d.scale);
  const BitsVec<Vec<T>> threshold = BitsVec<Vec<T>>{} + static_cast<BitsOf<T>>(d.threshold);
  const bool all_dropped = d.threshold >> 32 != 0;  // above every word
  std::uint32_t words[kDrawnWords];
  for (std::int64_t e = first; e < last; e += kDrawnWords) {
    draw(key, static_cast<std::uint32_t>(e / 4), words);
    for_lanes<T>(0, smaller(kDrawnWords, last - e), [&](std::int64_t i, auto lanes) {
      Words drawn;
      __builtin_memcpy(&drawn, words + i, sizeof drawn);
      Mask<Vec<T>> keep = __builtin_convertvector(drawn, BitsVec<Vec<T>>) >= threshold;
      if (all_dropped) keep = Mask<Vec<T>>{};
      lanes.store(y + e + i, keep ? lanes.load(x + e + i) * scale : Vec<T>{});
      const Bytes kept = __builtin_convertvector(keep, Bytes) & 1;
      if (lanes.count == kLanes<T>) {
        __builtin_memcpy(mask + e + i, &kept, sizeof kept);
      } else {
        for (int lane = 0; lane < lanes.count; ++lane)
          mask[e + i + lane] = static_cast<std::uint8_t>(kept[lane]);
      }
    });
  }
}

template <class T>
void dropout(const Dropout<T>& d, const std::int32_t* key, const std::int32_t* sample, const T* x, T* y,
             std::uint8_t* mask, int threads) {
  const std::int64_t stretches = ceil_div(d.elements, kStretch);
  const std::int64_t grain = kDropoutGrain / larger(1, smaller(d.elements, kStretch));
  parallel_ranges(threads, d.samples * stretches, 1, grain, [&](Range range) {
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const std::int64_t row = task / stretches, first = task % stretches * kStretch;
      const PhiloxKey philox{static_cast<std::uint32_t>(key[0]), static_cast<std::uint32_t>(key[1]), d.stream,
                             static_cast<std::uint32_t>(key[2]), static_cast<std::uint32_t>(sample[row])};
      const std::int64_t start = row * d.elements;
      drop(d, philox, first, smaller(first + kStretch, d.elements), x + start, y + start, mask + start);
    }
  });
}

}  // namespace

template <class T>
void add_dropout(Kernels<T>& kernels) {
  kernels.dropout = dropout<T>;
}

template void add_dropout<float>(Kernels<float>&);
template void add_dropout<double>(Kernels<double>&);

}  // namespace assay::openmp::ASSAY_ISA
