// The offer for dropout. Its bits come from the framework's one generator, so that the mask is the same on
// every backend.
#include "assay/ops/dropout.h"

#include "assay/core/random.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

struct Dropout {
  Index samples, elements;  ///< elements of one sample
  std::uint32_t stream;
  std::uint64_t threshold;  ///< words from here on keep their element

  template <class T>
  void run(const Io& io, T scale) const {
    const auto* key = io.in<std::int32_t>(1);
    const auto* sample = io.in<std::int32_t>(2);
    const auto low = static_cast<std::uint32_t>(key[0]), high = static_cast<std::uint32_t>(key[1]);
    const RandomStream source{static_cast<std::uint64_t>(high) << 32 | low, stream};
    for (Index b = 0; b < samples; ++b) {
      const T* x = io.in<T>(0) + b * elements;
      T* y = io.out<T>(0) + b * elements;
      auto* mask = io.out<std::uint8_t>(1) + b * elements;
      for (Index e = 0; e < elements; e += 4) {
        const auto words =
            random_bits(source, static_cast<std::uint32_t>(key[2]), static_cast<std::uint32_t>(sample[b]),
                        static_cast<std::uint32_t>(e / 4));
        for (Index i = e; i < elements && i < e + 4; ++i) {
          const bool keep = words[static_cast<std::size_t>(i - e)] >= threshold;
          mask[i] = keep ? 1 : 0;
          y[i] = keep ? x[i] * scale : T(0);
        }
      }
    }
  }
};

template <class T>
Plan plan_dropout(const Site& site, const Kernels<T>&) {
  const Shape& x = site.input(0).shape;
  const double rate = site.fields().number("rate");
  const Dropout dropout{x[0], x.count(1, x.rank()),
                        static_cast<std::uint32_t>(site.fields().integer("stream")), dropout_threshold(rate)};
  Plan plan = make_plan("eigen.philox", [dropout, scale = static_cast<T>(dropout_scale(rate))](const Io& io) {
    dropout.run<T>(io, scale);
  });
  plan.in_place = {{0, 0}};
  return plan;
}

}  // namespace

void add_dropout_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("dropout",
              for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return plan_dropout(s, k); }),
              owner);
}

}  // namespace assay::eigen
