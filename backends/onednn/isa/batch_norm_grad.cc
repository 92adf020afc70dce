// The gradient of batch normalisation through the relu behind it. The library has it for a mask that its own
// forward primitive keeps; the output of relu says the same, and lies there anyway.
#include "backends/onednn/isa/batch_norm_grad.h"

#include <math.h>

#include "backends/onednn/isa/lanes.h"
#include "backends/onednn/isa/parallel.h"

namespace assay::onednn::ASSAY_ISA {
namespace {

// A block of channels, in registers.
template <int parts>
struct Block {
  Values of[parts];
};

// What a table with an entry per channel holds of a block; 0 where it has no such channel.
template <int parts>
Block<parts> read(const float* table, std::int64_t channels) {
  float entries[parts * kWidth];
  for (int lane = 0; lane < parts * kWidth; ++lane) entries[lane] = lane < channels ? table[lane] : 0.0f;
  Block<parts> block;
  __builtin_memcpy(&block, entries, sizeof block);
  return block;
}
template <int parts>
void write(const Block<parts>& block, std::int64_t channels, float* table) {
  float entries[parts * kWidth];
  __builtin_memcpy(entries, &block, sizeof entries);
  for (std::int64_t lane = 0; lane < channels && lane < parts * kWidth; ++lane) table[lane] = entries[lane];
}

// 1/√(σ² + ε); 0 for what is no channel.
template <int parts>
Block<parts> over_deviation(const float* variance, std::int64_t channels, float epsilon) {
  float entries[parts * kWidth];
  for (int lane = 0; lane < parts * kWidth; ++lane)
    entries[lane] = lane < channels ? 1.0f / sqrtf(variance[lane] + epsilon) : 0.0f;
  Block<parts> block;
  __builtin_memcpy(&block, entries, sizeof block);
  return block;
}

// The cotangent of what was normalised: dy where y > 0.
inline Values through_relu(const float* dy, const float* gate) { return load(dy) * open_lanes(gate); }

// Σ dy and Σ dy x̂ of a plane.
template <int parts>
struct Sums {
  Block<parts> dy, dy_normal;
};

template <int parts>
Sums<parts> sums_of(std::int64_t points, const float* dy, const float* gate, const float* x,
                    const Block<parts>& mean, const Block<parts>& inverse) {
  // Additions wait for each other: positions take turns.
  constexpr int turns = parts >= 4 ? 1 : 4 / parts;
  Sums<parts> sums[turns] = {};
  const auto add = [&](std::int64_t point, Sums<parts>& to) {
    for (int part = 0; part < parts; ++part) {
      const std::int64_t i = (point * parts + part) * kWidth;
      const Values d = through_relu(dy + i, gate + i);
      to.dy.of[part] += d;
      to.dy_normal.of[part] += d * ((load(x + i) - mean.of[part]) * inverse.of[part]);
    }
  };
  std::int64_t point = 0;
  for (; point + turns <= points; point += turns) {
    for (int turn = 0; turn < turns; ++turn) add(point + turn, sums[turn]);
  }
  for (; point < points; ++point) add(point, sums[0]);
  for (int turn = 1; turn < turns; ++turn) {
    for (int part = 0; part < parts; ++part) {
      sums[0].dy.of[part] += sums[turn].dy.of[part];
      sums[0].dy_normal.of[part] += sums[turn].dy_normal.of[part];
    }
  }
  return sums[0];
}

// With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy; dγ = Σ dy x̂; dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m). Block by block,
// since what the sums have read is still near when dx is made of it, from the image that was read last.
// Planes are summed by themselves and in their order, so that the threads leave no trace.
template <int parts>
void blocks_of(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
               const float* weight, const float* mean, const float* variance, float* dx, float* dweight,
               float* dbias, float* scratch) {
  const std::int64_t blocks = b.blocks(), plane = b.points * b.lanes;
  const float m = static_cast<float>(b.images * b.points);
  Sums<parts>* const partial = reinterpret_cast<Sums<parts>*>(scratch);
  const auto share = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t first = block * b.lanes, channels = b.channels - first;
      const Block<parts> mu = read<parts>(mean + first, channels);
      const Block<parts> inverse = over_deviation<parts>(variance + first, channels, b.epsilon);
      Sums<parts>* const own = partial + block * b.images;
      for (std::int64_t image = begin; image < end; ++image) {
        const std::int64_t at = (image * blocks + block) * plane;
        const Sums<parts> sums = sums_of<parts>(b.points, dy + at, gate + at, x + at, mu, inverse);
        __builtin_memcpy(own + image, &sums, sizeof sums);
      }
#pragma omp barrier
      Sums<parts> total = {};
      for (std::int64_t image = 0; image < b.images; ++image) {
        Sums<parts> sums;
        __builtin_memcpy(&sums, own + image, sizeof sums);
        for (int part = 0; part < parts; ++part) {
          total.dy.of[part] += sums.dy.of[part];
          total.dy_normal.of[part] += sums.dy_normal.of[part];
        }
      }
      if (begin == 0 && end > 0) {
        write(total.dy_normal, channels, dweight + first);
        write(total.dy, channels, dbias + first);
      }
      Block<parts> factor = read<parts>(weight + first, channels);
      for (int part = 0; part < parts; ++part) {
        factor.of[part] *= inverse.of[part];
        total.dy.of[part] /= m;
        total.dy_normal.of[part] /= m;
      }
      for (std::int64_t image = end; image-- > begin;) {
        const std::int64_t at = (image * blocks + block) * plane;
        for (std::int64_t point = 0; point < b.points; ++point) {
          for (int part = 0; part < parts; ++part) {
            const std::int64_t i = at + (point * parts + part) * kWidth;
            const Values normal = (load(x + i) - mu.of[part]) * inverse.of[part];
            const Values rest =
                (through_relu(dy + i, gate + i) - total.dy.of[part]) - normal * total.dy_normal.of[part];
            store(dx + i, factor.of[part] * rest);
          }
        }
      }
    }
  };
  if (b.threads <= 1) return share(0, b.images);
#pragma omp parallel num_threads(b.threads)
  {
    const std::int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
    share(b.images * member / team, b.images * (member + 1) / team);
  }
}

}  // namespace

void gated_batch_norm_grad(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
                           const float* weight, const float* mean, const float* variance, float* dx,
                           float* dweight, float* dbias, float* scratch) noexcept {
  if (b.lanes == 16)
    return blocks_of<16 / kWidth>(b, dy, gate, x, weight, mean, variance, dx, dweight, dbias, scratch);
  if constexpr (kWidth <= 8)
    return blocks_of<8 / kWidth>(b, dy, gate, x, weight, mean, variance, dx, dweight, dbias, scratch);
}

}  // namespace assay::onednn::ASSAY_ISA
