// Dropout by counter-based random bits: four words, so four elements, to a draw.
#include "assay/ops/dropout.h"

#include "assay/core/random.h"
#include "assay/program/generic_kernel.h"
#include "backends/reference/in_place.h"
#include "backends/reference/reference.h"

namespace assay {
namespace {

template <class T>
auto dropout_loop(const Site& site) {
  const Shape& x_shape = site.input(0).shape;
  const std::int64_t rows = x_shape[0], width = x_shape.count(1, x_shape.rank());
  const std::uint64_t threshold = dropout_threshold(site.fields().number("rate"));
  const double factor = dropout_scale(site.fields().number("rate"));
  const auto stream = static_cast<std::uint32_t>(site.fields().integer("stream"));
  return [=](const Io& io) {
    const auto* key = io.in<std::int32_t>(1);
    const auto* sample = io.in<std::int32_t>(2);
    const auto word = [](std::int32_t x) { return static_cast<std::uint32_t>(x); };
    const RandomStream random{std::uint64_t{word(key[1])} << 32 | word(key[0]), stream};
    const T scale = T(factor);
    for (std::int64_t b = 0; b < rows; ++b) {
      const T* x = io.in<T>(0) + b * width;
      T* y = io.out<T>(0) + b * width;
      std::uint8_t* mask = io.out<std::uint8_t>(1) + b * width;
      std::array<std::uint32_t, 4> bits{};
      for (std::int64_t e = 0; e < width; ++e) {
        if (e % 4 == 0)
          bits = random_bits(random, word(key[2]), word(sample[b]), static_cast<std::uint32_t>(e / 4));
        const bool keep = bits[e % 4] >= threshold;
        y[e] = keep ? x[e] * scale : T(0);
        mask[e] = keep ? 1 : 0;
      }
    }
  };
}

}  // namespace

void add_dropout_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("dropout",
              reference::in_place({{0, 0}}, for_every_scalar<Scalars::all>(
                                                []<class T>(const Site& s) { return dropout_loop<T>(s); })),
              owner);
}

}  // namespace assay
