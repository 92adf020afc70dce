// A backend in one file: matmul of f32 and f64 by loops over tiles that stay in the cache. What it
// refuses, the reference computes, and the placement table says why.
#include <assay/plugin.h>

#include <algorithm>

using namespace assay;

namespace {

constexpr std::int64_t kTile = 64;

// C [m, n] = A [m, k] B [k, n], where element (i, j) of an operand lies at i · row + j · column.
struct Operand {
  std::int64_t row, column;
};

template <class T>
void multiply(const T* a, Operand at_a, const T* b, Operand at_b, T* c, std::int64_t m, std::int64_t n,
              std::int64_t depth) {
  for (std::int64_t i = 0; i < m * n; ++i) c[i] = T(0);
  for (std::int64_t k0 = 0; k0 < depth; k0 += kTile) {
    for (std::int64_t j0 = 0; j0 < n; j0 += kTile) {
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t k = k0; k < std::min(k0 + kTile, depth); ++k) {
          const T factor = a[i * at_a.row + k * at_a.column];
          for (std::int64_t j = j0; j < std::min(j0 + kTile, n); ++j)
            c[i * n + j] += factor * b[k * at_b.row + j * at_b.column];
        }
      }
    }
  }
}

template <class T>
Offer offer_matmul(const Site& site) {
  const Shape &a = site.input(0).shape, &b = site.input(1).shape;
  if (a.rank() != 2 || b.rank() != 2) return Refusal{"a batch of matrices (this backend takes one product)"};
  const bool ta = site.fields().boolean("transpose_a"), tb = site.fields().boolean("transpose_b");
  const Operand at_a = ta ? Operand{1, a[1]} : Operand{a[1], 1},
                at_b = tb ? Operand{1, b[1]} : Operand{b[1], 1};
  const std::int64_t m = site.output().shape[0], n = site.output().shape[1], depth = a[ta ? 0 : 1];
  return make_plan("tiled.matmul", [=](const Io& io) {
    multiply(io.in<T>(0), at_a, io.in<T>(1), at_b, io.out<T>(0), m, n, depth);
  });
}

class Tiled final : public Backend {
 public:
  std::string_view name() const noexcept override { return "tiled"; }
  Offer offer(const Site& site) const override {
    if (site.ops.size() != 1 || site.op().name != "matmul") return Refusal{"tiled computes matmul alone"};
    if (site.input(0).dtype == DType::f32) return offer_matmul<float>(site);
    if (site.input(0).dtype == DType::f64) return offer_matmul<double>(site);
    return Refusal{"dtype " + std::string(name_of(site.input(0).dtype)) + " (this backend has f32 and f64)"};
  }
};

}  // namespace

ASSAY_PLUGIN("tiled", "1.0", registry) {
  registry.add_backend({.name = "tiled",
                        .summary = "matrix products over tiles that stay in the cache",
                        .create = [](const BackendContext&) { return std::make_unique<Tiled>(); }});
}
