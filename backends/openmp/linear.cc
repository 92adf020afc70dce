// Offers for linear, with or without an activation behind it, and matmul.
#include <vector>

#include "assay/program/descent.h"
#include "assay/program/matmul_products.h"
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

static_assert(kWholeDepth >= kDescentTerms, "the weight would be rounded once for each block of terms");

// Z = f(X Wᵀ + b), bias and activation while a block of Z is in the cache.
template <class T>
Plan plan_linear(const Site& site, const Target<T>& target) {
  const Shape& x = site.input(0).shape;
  const Shape& weight = site.input(1).shape;
  const std::int64_t outputs = weight[0], depth = weight[1];
  const GemmShape shape{.m = x.count(0, x.rank() - 1),
                        .n = outputs,
                        .k = depth,
                        .a_row = depth,
                        .a_column = 1,
                        .b_row = 1,
                        .b_column = depth,
                        .c_row = outputs};
  const bool biased = site.ops.front().inputs.size() == 3;
  const GemmPlan product = target.kernels.plan_gemm(shape, target.threads);
  Plan plan = make_plan(target.implementation("gemm"), [product, biased, run = target.kernels.gemm,
                                                        activation = fused_activation(site)](const Io& io) {
    GemmOperands<T> operands{.a = io.in<T>(0), .b = io.in<T>(1), .c = io.out<T>(0)};
    operands.epilogue.activation = activation;
    if (biased) {
      operands.epilogue.bias = io.in<T>(2);
      operands.epilogue.axis = BiasAxis::column;
    }
    run(product, operands, io.scratch);
  });
  plan.scratch_bytes = product.scratch_bytes;
  describe_fusion(site, plan);
  return plan;
}

using Offsets = MatmulProducts::Offsets;

bool evenly_spaced(const std::vector<Offsets>& offsets) {
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    const auto steps = static_cast<std::int64_t>(i);
    if (offsets[i].a != steps * offsets[1].a || offsets[i].b != steps * offsets[1].b) return false;
  }
  return true;
}

// Of one of the products.
GemmShape shape_of(const MatmulProducts& products) {
  const std::int64_t m = products.m, n = products.n, k = products.k;
  const bool ta = products.transpose_a, tb = products.transpose_b;
  return {.m = m,
          .n = n,
          .k = k,
          .a_row = ta ? 1 : k,
          .a_column = ta ? m : 1,
          .b_row = tb ? 1 : n,
          .b_column = tb ? k : 1,
          .c_row = n};
}

// w ← w − η A B: the product is added to the old weight while a block of it is in the cache.
template <class T>
Offer plan_descent(const Site& site, const Target<T>& target) {
  const auto found = descent_of(site);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return *refusal;
  const DescentSite descent = std::get<DescentSite>(found);
  const MatmulProducts products = matmul_products(site);
  if (products.offsets.size() != 1) return Refusal{"a batch of products"};
  const GemmPlan product = target.kernels.plan_gemm(shape_of(products), target.threads);
  Plan plan = make_plan(target.implementation("gemm") + "+sgd_update", [product, descent,
                                                                        run = target.kernels.gemm](
                                                                           const Io& io) {
    descent.begin(io);
    run(product,
        {.a = io.in<T>(0), .b = io.in<T>(1), .c = io.out<T>(0), .alpha = -*io.in<T>(descent.rate), .beta = 1},
        io.scratch);
  });
  plan.scratch_bytes = product.scratch_bytes;
  plan.in_place = {descent.in_place()};
  return plan;
}

template <class T>
Offer plan_matmul(const Site& site, const Target<T>& target) {
  if (site.ops.size() == 2) return plan_descent(site, target);
  const MatmulProducts products = matmul_products(site);
  GemmShape shape = shape_of(products);
  std::vector<Offsets> offsets = products.offsets;
  if (offsets.size() > 1 && evenly_spaced(offsets)) {
    shape.batch = static_cast<std::int64_t>(offsets.size());
    shape.a_batch = offsets[1].a;
    shape.b_batch = offsets[1].b;
    shape.c_batch = shape.m * shape.n;
    offsets.erase(offsets.begin() + 1, offsets.end());
  }
  const GemmPlan product = target.kernels.plan_gemm(shape, target.threads);
  Plan plan = make_plan(target.implementation("gemm"), [product, offsets, run = target.kernels.gemm,
                                                        size = shape.m * shape.n](const Io& io) {
    T* result = io.out<T>(0);
    for (const Offsets& at : offsets) {
      run(product, {.a = io.in<T>(0) + at.a, .b = io.in<T>(1) + at.b, .c = result}, io.scratch);
      result += size;
    }
  });
  plan.scratch_bytes = product.scratch_bytes;
  return plan;
}

}  // namespace

void add_linear_offers(Offers& offers) {
  offers.add("linear", []<class T>(const Site& s, const Target<T>& t) { return plan_linear(s, t); });
  offers.add("matmul", []<class T>(const Site& s, const Target<T>& t) { return plan_matmul(s, t); });
}

}  // namespace assay::openmp
