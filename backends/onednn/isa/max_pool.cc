// Maximum pooling. Channels that lie interleaved are compared side by side, and the index needs no workspace
// of the library's own kind.
#include "backends/onednn/isa/max_pool.h"

#include "backends/onednn/isa/parallel.h"

namespace assay::onednn::ASSAY_ISA {
namespace {

// The taps of one output position that lie inside the image.
struct Taps {
  std::int64_t h0, h1, w0, w1;
};

// One output position, for all lanes. `fixed` is their number where the compiler may know it, so that the
// maxima stay in registers, or 0.
template <int fixed>
inline void pool_window(const float* plane, std::int64_t width, std::int64_t lanes, const Taps& taps,
                        float* __restrict__ y, std::int32_t* __restrict__ index) {
  float kept_y[fixed > 0 ? fixed : 1];
  std::int32_t kept_index[fixed > 0 ? fixed : 1];
  const std::int64_t n = fixed > 0 ? fixed : lanes;
  float* best = fixed > 0 ? kept_y : y;
  std::int32_t* where = fixed > 0 ? kept_index : index;

  const std::int64_t start = taps.h0 * width + taps.w0;
  for (std::int64_t lane = 0; lane < n; ++lane) {
    best[lane] = plane[start * n + lane];
    where[lane] = static_cast<std::int32_t>(start);
  }
  for (std::int64_t h = taps.h0; h < taps.h1; ++h) {
    for (std::int64_t w = taps.w0; w < taps.w1; ++w) {
      const std::int64_t at = h * width + w;
      const float* __restrict__ x = plane + at * n;
      for (std::int64_t lane = 0; lane < n; ++lane) {
        // Not "greater": a NaN is taken too, and what it is compared with afterwards is not.
        const bool taken = !(x[lane] <= best[lane]) & (best[lane] == best[lane]);
        best[lane] = taken ? x[lane] : best[lane];
        where[lane] = taken ? static_cast<std::int32_t>(at) : where[lane];
      }
    }
  }
  if (fixed > 0) {
    for (std::int64_t lane = 0; lane < n; ++lane) {
      y[lane] = best[lane];
      index[lane] = where[lane];
    }
  }
}

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
      pool_window<fixed>(plane, p.width, p.lanes, taps, y + to, index + to);
    }
  }
}

}  // namespace

void max_pool(const MaxPooling& p, const float* x, float* y, std::int32_t* index) noexcept {
  in_parallel(p.threads, p.planes * p.output_height, [&](std::int64_t begin, std::int64_t end) {
    switch (p.lanes) {
      case 1:
        return pool_rows<1>(p, begin, end, x, y, index);
      case 8:
        return pool_rows<8>(p, begin, end, x, y, index);
      case 16:
        return pool_rows<16>(p, begin, end, x, y, index);
      default:
        return pool_rows<0>(p, begin, end, x, y, index);
    }
  });
}

void max_pool_grad(const MaxPooling& p, const float* dy, const std::int32_t* index, float* dx) noexcept {
  const std::int64_t inputs = p.height * p.width * p.lanes, outputs = p.output_height * p.output_width;
  in_parallel(p.threads, p.planes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      float* to = dx + plane * inputs;
      for (std::int64_t i = 0; i < inputs; ++i) to[i] = 0.0f;
      for (std::int64_t o = 0; o < outputs; ++o) {
        const std::int64_t from = (plane * outputs + o) * p.lanes;
        for (std::int64_t lane = 0; lane < p.lanes; ++lane) {
          to[index[from + lane] * p.lanes + lane] += dy[from + lane];
        }
      }
    }
  });
}

}  // namespace assay::onednn::ASSAY_ISA
