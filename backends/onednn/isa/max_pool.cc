// Maximum pooling. Channels that lie interleaved are compared side by side, and the index needs no workspace
// of the library's own kind.
#include "backends/onednn/isa/max_pool.h"

#include "backends/onednn/isa/lanes.h"
#include "backends/onednn/isa/parallel.h"

namespace assay::onednn::ASSAY_ISA {
namespace {

// The taps of one output position that lie inside the image.
struct Taps {
  std::int64_t h0, h1, w0, w1;
};

// One output position for `lanes` channels, whose maxima stay in registers. The comparison is not "greater":
// a NaN is taken too, and what it is compared with afterwards is not.
template <int lanes>
inline void pool_window(const float* plane, std::int64_t width, const Taps& taps, float* y,
                        std::int32_t* index) {
  static_assert(lanes % kWidth == 0);
  constexpr int parts = lanes / kWidth;
  Values best[parts];
  Indices where[parts];
  std::int64_t at = taps.h0 * width + taps.w0;
  for (int part = 0; part < parts; ++part) {
    best[part] = load(plane + at * lanes + part * kWidth);
    where[part] = Indices{} + static_cast<std::int32_t>(at);
  }
  for (std::int64_t h = taps.h0; h < taps.h1; ++h) {
    for (std::int64_t w = taps.w0; w < taps.w1; ++w) {
      at = h * width + w;
      const Indices here = Indices{} + static_cast<std::int32_t>(at);
      for (int part = 0; part < parts; ++part) {
        const Values x = load(plane + at * lanes + part * kWidth);
        const Indices taken = ~(x <= best[part]) & (best[part] == best[part]);
        best[part] = taken ? x : best[part];
        where[part] = taken ? here : where[part];
      }
    }
  }
  __builtin_memcpy(y, best, sizeof best);
  __builtin_memcpy(index, where, sizeof where);
}

// The same for any number of channels, one tap after the other.
inline void pool_window(const float* plane, std::int64_t width, std::int64_t lanes, const Taps& taps,
                        float* __restrict__ y, std::int32_t* __restrict__ index) {
  const std::int64_t start = taps.h0 * width + taps.w0;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    y[lane] = plane[start * lanes + lane];
    index[lane] = static_cast<std::int32_t>(start);
  }
  for (std::int64_t h = taps.h0; h < taps.h1; ++h) {
    for (std::int64_t w = taps.w0; w < taps.w1; ++w) {
      const std::int64_t at = h * width + w;
      const float* __restrict__ x = plane + at * lanes;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const bool taken = !(x[lane] <= y[lane]) & (y[lane] == y[lane]);
        y[lane] = taken ? x[lane] : y[lane];
        index[lane] = taken ? static_cast<std::int32_t>(at) : index[lane];
      }
    }
  }
}

// `fixed`: the number of lanes where a block of them is handled at once, or 0.
template <int fixed>
void pool_rows(const MaxPooling& p, std::int64_t begin, std::int64_t end, const float* x, float* y,
               std::int32_t* index) {
  for (std::int64_t row = begin; row < end; ++row) {
    const float* plane = x + row / p.output_height * p.height * p.width * p.lanes;
    const std::int64_t h = row % p.output_height * p.stride_height - p.top;
    Taps taps;
    taps.h0 = h > 0 ? h : 0;
    taps.h1 = h + p.size_height < p.height ? h + p.size_height : p.height;
    for (std::int64_t ow = 0; ow < p.output_width; ++ow) {
      const std::int64_t w = ow * p.stride_width - p.left;
      taps.w0 = w > 0 ? w : 0;
      taps.w1 = w + p.size_width < p.width ? w + p.size_width : p.width;
      const std::int64_t to = (row * p.output_width + ow) * p.lanes;
      if constexpr (fixed > 0) {
        pool_window<fixed>(plane, p.width, taps, y + to, index + to);
      } else {
        pool_window(plane, p.width, p.lanes, taps, y + to, index + to);
      }
    }
  }
}

// The gradient of a plane whose windows tile the image, by comparing instead of addressing: every element of
// dx is written once. False, with dx half written, where an index lies outside its tile. REQUIRES: lanes are
// whole registers, and the output's extents divide the image's.
bool spread_tiles(const MaxPooling& p, const float* dy, const std::int32_t* index, const float* gate,
                  float* dx) {
  const std::int64_t height = p.height / p.output_height, width = p.width / p.output_width;
  for (std::int64_t oh = 0; oh < p.output_height; ++oh) {
    Indices missing{};
    for (std::int64_t ow = 0; ow < p.output_width; ++ow) {
      for (std::int64_t lane = 0; lane < p.lanes; lane += kWidth) {
        const std::int64_t from = (oh * p.output_width + ow) * p.lanes + lane;
        const Values given = load(dy + from) + 0.0f;  // as a sum that begins with 0
        Indices where, found{};
        __builtin_memcpy(&where, index + from, sizeof where);
        for (std::int64_t h = oh * height; h < (oh + 1) * height; ++h) {
          for (std::int64_t w = ow * width; w < (ow + 1) * width; ++w) {
            const std::int64_t at = h * p.width + w, to = at * p.lanes + lane;
            const Indices hit = where == static_cast<std::int32_t>(at);
            found |= hit;
            Values d = hit ? given : Values{};
            if (gate != nullptr) d *= open_lanes(gate + to);
            store(dx + to, d);
          }
        }
        missing |= ~found;
      }
    }
    for (int lane = 0; lane < kWidth; ++lane) {
      if (missing[lane] != 0) return false;
    }
  }
  return true;
}

// The gradient of any plane.
void scatter(const MaxPooling& p, const float* dy, const std::int32_t* index, const float* gate, float* dx) {
  const std::int64_t inputs = p.height * p.width * p.lanes, outputs = p.output_height * p.output_width;
  for (std::int64_t i = 0; i < inputs; ++i) dx[i] = 0.0f;
  for (std::int64_t o = 0; o < outputs; ++o) {
    for (std::int64_t lane = 0; lane < p.lanes; ++lane) {
      const std::int64_t from = o * p.lanes + lane;
      dx[index[from] * p.lanes + lane] += dy[from];
    }
  }
  if (gate == nullptr) return;
  for (std::int64_t i = 0; i < inputs; ++i) dx[i] *= gate[i] > 0.0f ? 1.0f : 0.0f;  // NaN stays
}

}  // namespace

void max_pool(const MaxPooling& p, const float* x, float* y, std::int32_t* index) noexcept {
  in_parallel(p.threads, p.planes * p.output_height, [&](std::int64_t begin, std::int64_t end) {
    if (p.lanes == 16) return pool_rows<16>(p, begin, end, x, y, index);
    if constexpr (kWidth <= 8) {
      if (p.lanes == 8) return pool_rows<8>(p, begin, end, x, y, index);
    }
    return pool_rows<0>(p, begin, end, x, y, index);
  });
}

void max_pool_grad(const MaxPooling& p, const float* dy, const std::int32_t* index, const float* gate,
                   float* dx) noexcept {
  const std::int64_t inputs = p.height * p.width * p.lanes,
                     outputs = p.output_height * p.output_width * p.lanes;
  const bool may_tile =
      p.lanes % kWidth == 0 && p.height % p.output_height == 0 && p.width % p.output_width == 0;
  in_parallel(p.threads, p.planes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const float* d = dy + plane * outputs;
      const std::int32_t* where = index + plane * outputs;
      const float* open = gate != nullptr ? gate + plane * inputs : nullptr;
      float* to = dx + plane * inputs;
      if (!may_tile || !spread_tiles(p, d, where, open, to)) scatter(p, d, where, open, to);
    }
  });
}

}  // namespace assay::onednn::ASSAY_ISA
