// Offers for linear, with or without an activation behind it, and matmul.
#include "assay/program/descent.h"
#include "assay/program/matmul_products.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

// Z = X Wᵀ + b: Z starts as b in every row, then the product is added.
template <class T>
Offer offer_linear(const Site& site, const Kernels<T>& kernels) {
  const auto activation = fused_activation(site, kernels);
  if (const auto* refusal = std::get_if<Refusal>(&activation)) return *refusal;
  const Shape& x = site.input(0).shape;
  const Shape& weight = site.input(1).shape;
  const Index rows = x.count(0, x.rank() - 1), outputs = weight[0];
  const bool biased = site.ops.front().inputs.size() == 3;
  const Gemm product = kernels.plan_gemm(rows, outputs, weight[1], false, true);
  Plan plan = make_plan(implementation("gemm", kernels),
                        [=, &kernels, finish = std::get<UnaryFunction<T>>(activation)](const Io& io) {
                          T* z = io.out<T>(0);
                          kernels.fill_rows(z, rows, outputs, biased ? io.in<T>(2) : nullptr);
                          kernels.gemm(product, io.in<T>(0), io.in<T>(1), z, io.scratch, T(1));
                          if (finish.run != nullptr) finish.run(z, z, rows * outputs, finish.parameter);
                        });
  plan.scratch_bytes = product.scratch_bytes;
  describe_fusion(site, plan);
  return plan;
}

static_assert(kWholeDepth >= kDescentTerms, "the weight would be rounded once for each block of terms");

// w ← w − η A B: the product is added to the old weight.
template <class T>
Offer offer_descent(const Site& site, const Kernels<T>& kernels) {
  const auto found = descent_of(site);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return *refusal;
  const DescentSite descent = std::get<DescentSite>(found);
  const MatmulProducts products = matmul_products(site);
  if (products.offsets.size() != 1) return Refusal{"a batch of products"};
  const Gemm product =
      kernels.plan_gemm(products.m, products.n, products.k, products.transpose_a, products.transpose_b);
  Plan plan =
      make_plan(implementation("gemm", kernels) + "+sgd_update", [product, &kernels, descent](const Io& io) {
        descent.begin(io);
        kernels.gemm(product, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch, -*io.in<T>(descent.rate));
      });
  plan.scratch_bytes = product.scratch_bytes;
  plan.in_place = {descent.in_place()};
  return plan;
}

template <class T>
Plan plan_matmul(const Site& site, const Kernels<T>& kernels) {
  const MatmulProducts products = matmul_products(site);
  const Index rows = products.m, columns = products.n;
  const Gemm product =
      kernels.plan_gemm(rows, columns, products.k, products.transpose_a, products.transpose_b);
  Plan plan =
      make_plan(implementation("gemm", kernels), [=, offsets = products.offsets, &kernels](const Io& io) {
        T* result = io.out<T>(0);
        for (const MatmulProducts::Offsets& at : offsets) {
          kernels.fill_rows(result, rows, columns, nullptr);
          kernels.gemm(product, io.in<T>(0) + at.a, io.in<T>(1) + at.b, result, io.scratch, T(1));
          result += rows * columns;
        }
      });
  plan.scratch_bytes = product.scratch_bytes;
  return plan;
}

}  // namespace

OfferRule linear_rule() {
  return for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return offer_linear(s, k); });
}

OfferRule descent_rule() {
  return for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return offer_descent(s, k); });
}

void add_linear_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("linear", linear_rule(), owner);
  kernels.add("matmul",
              for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return plan_matmul(s, k); }),
              owner);
}

}  // namespace assay::eigen
