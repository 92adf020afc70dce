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

// entry(lane) of every channel of a block; 0 where there is no such channel.
template <int parts, class Entry>
Block<parts> block_of(std::int64_t channels, const Entry& entry) {
  float entries[parts * kWidth];
  for (int lane = 0; lane < parts * kWidth; ++lane) entries[lane] = lane < channels ? entry(lane) : 0.0f;
  Block<parts> block;
  __builtin_memcpy(&block, entries, sizeof block);
  return block;
}
template <int parts>
Block<parts> read(const float* table, std::int64_t channels) {
  return block_of<parts>(channels, [table](int lane) { return table[lane]; });
}
template <int parts>
void write(const Block<parts>& block, std::int64_t channels, float* table) {
  float entries[parts * kWidth];
  __builtin_memcpy(entries, &block, sizeof entries);
  for (std::int64_t lane = 0; lane < channels && lane < parts * kWidth; ++lane) table[lane] = entries[lane];
}

// 1/√(σ² + ε)
template <int parts>
Block<parts> over_deviation(const float* variance, std::int64_t channels, float epsilon) {
  return block_of<parts>(channels, [=](int lane) { return 1.0f / sqrtf(variance[lane] + epsilon); });
}

// The cotangent of what was normalised: dy where y > 0.
inline Values through_relu(const float* dy, const float* gate) { return load(dy) * open_lanes(gate); }

// Σ dy and Σ dy x̂ of neighbouring positions of a plane.
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

// What one thread of a team has of the positions of all images, plane after plane.
struct Share {
  std::int64_t points;  // of a plane
  std::int64_t begin, end;

  Share(const BatchNormalization& b, std::int64_t team, std::int64_t member)
      : points(b.points),
        begin(b.images * b.points * member / team),
        end(b.images * b.points * (member + 1) / team) {}

  std::int64_t first_image() const { return begin / points; }
  std::int64_t end_image() const { return (end + points - 1) / points; }
  std::int64_t first_point(std::int64_t image) const { return image == first_image() ? begin % points : 0; }
  std::int64_t end_point(std::int64_t image) const {
    return (image + 1) * points <= end ? points : end % points;
  }
};

// With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy; dγ = Σ dy x̂; dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m). Block by block,
// since what the sums have read is still near when dx is made of it, from the image that was read last.
template <int parts>
void normalize_blocks(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
                      const float* weight, const float* mean, const float* variance, float* dx,
                      float* dweight, float* dbias, float* scratch, std::int64_t team, std::int64_t member) {
  const std::int64_t blocks = b.blocks();
  const float m = static_cast<float>(b.images * b.points);
  const Share own(b, team, member);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t first = block * b.lanes, channels = b.channels - first;
    const Block<parts> mu = read<parts>(mean + first, channels);
    const Block<parts> inverse = over_deviation<parts>(variance + first, channels, b.epsilon);
    // The sums of an image's part: a thread's first image may be another one's last.
    Sums<parts>* const partial = reinterpret_cast<Sums<parts>*>(scratch) + block * (b.images + team);
    const auto place = [&](std::int64_t image, std::int64_t point) {
      return ((image * blocks + block) * b.points + point) * b.lanes;
    };
    for (std::int64_t image = own.first_image(); image < own.end_image(); ++image) {
      const std::int64_t point = own.first_point(image), at = place(image, point);
      partial[image + member] =
          sums_of<parts>(own.end_point(image) - point, dy + at, gate + at, x + at, mu, inverse);
    }
    if (team > 1) {
#pragma omp barrier
    }
    Sums<parts> total = {};
    for (std::int64_t other = 0; other < team; ++other) {
      const Share share(b, team, other);
      for (std::int64_t image = share.first_image(); image < share.end_image(); ++image) {
        for (int part = 0; part < parts; ++part) {
          total.dy.of[part] += partial[image + other].dy.of[part];
          total.dy_normal.of[part] += partial[image + other].dy_normal.of[part];
        }
      }
    }
    if (member == 0) {
      write(total.dy_normal, channels, dweight + first);
      write(total.dy, channels, dbias + first);
    }
    Block<parts> factor = read<parts>(weight + first, channels);
    for (int part = 0; part < parts; ++part) {
      factor.of[part] *= inverse.of[part];
      total.dy.of[part] /= m;
      total.dy_normal.of[part] /= m;
    }
    for (std::int64_t image = own.end_image(); image-- > own.first_image();) {
      for (std::int64_t point = own.first_point(image); point < own.end_point(image); ++point) {
        for (int part = 0; part < parts; ++part) {
          const std::int64_t i = place(image, point) + part * kWidth;
          const Values normal = (load(x + i) - mu.of[part]) * inverse.of[part];
          const Values rest =
              (through_relu(dy + i, gate + i) - total.dy.of[part]) - normal * total.dy_normal.of[part];
          store(dx + i, factor.of[part] * rest);
        }
      }
    }
  }
}

template <int parts>
void share_blocks(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
                  const float* weight, const float* mean, const float* variance, float* dx, float* dweight,
                  float* dbias, float* scratch) {
  const auto run = [&](std::int64_t team, std::int64_t member) {
    normalize_blocks<parts>(b, dy, gate, x, weight, mean, variance, dx, dweight, dbias, scratch, team,
                            member);
  };
  if (b.threads <= 1) return run(1, 0);
#pragma omp parallel num_threads(b.threads)
  run(omp_get_num_threads(), omp_get_thread_num());
}

}  // namespace

void gated_batch_norm_grad(const BatchNormalization& b, const float* dy, const float* gate, const float* x,
                           const float* weight, const float* mean, const float* variance, float* dx,
                           float* dweight, float* dbias, float* scratch) noexcept {
  if (b.lanes == 16)
    return share_blocks<16 / kWidth>(b, dy, gate, x, weight, mean, variance, dx, dweight, dbias, scratch);
  if constexpr (kWidth <= 8)
    return share_blocks<8 / kWidth>(b, dy, gate, x, weight, mean, variance, dx, dweight, dbias, scratch);
}

}  // namespace assay::onednn::ASSAY_ISA
