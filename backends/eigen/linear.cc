// Offers for linear, with or without an activation behind it, and matmul.
#include <utility>
#include <vector>

#include "backends/eigen/nests.h"
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
                          kernels.gemm(product, io.in<T>(0), io.in<T>(1), z, io.scratch);
                          if (finish.run != nullptr) finish.run(z, z, rows * outputs, finish.parameter);
                        });
  plan.scratch_bytes = product.scratch_bytes;
  describe_fusion(site, plan);
  return plan;
}

// Offsets of the matrices of a batch, in elements.
std::vector<std::pair<Index, Index>> batch_offsets(const Shape& a, const Shape& b, const Shape& c) {
  const auto batch_of = [](const Shape& shape) {
    return Shape(shape.extents().first(static_cast<std::size_t>(shape.rank() - 2)));
  };
  const Shape batch = batch_of(c);
  const Strides steps_a = broadcast_strides(batch_of(a), batch),
                steps_b = broadcast_strides(batch_of(b), batch);
  const Index size_a = a[-2] * a[-1], size_b = b[-2] * b[-1];
  std::vector<std::pair<Index, Index>> offsets;
  for (Index i = 0; i < batch.count(); ++i) {
    Index at_a = 0, at_b = 0, rest = i;
    for (int axis = batch.rank() - 1; axis >= 0; rest /= batch[axis], --axis) {
      at_a += rest % batch[axis] * steps_a[static_cast<std::size_t>(axis)];
      at_b += rest % batch[axis] * steps_b[static_cast<std::size_t>(axis)];
    }
    offsets.emplace_back(at_a * size_a, at_b * size_b);
  }
  return offsets;
}

template <class T>
Plan plan_matmul(const Site& site, const Kernels<T>& kernels) {
  const Shape &a = site.input(0).shape, &b = site.input(1).shape, &c = site.output().shape;
  const bool ta = site.fields().boolean("transpose_a"), tb = site.fields().boolean("transpose_b");
  Index rows = c[-2];
  const Index columns = c[-1], depth = a[ta ? -2 : -1];
  std::vector<std::pair<Index, Index>> offsets = batch_offsets(a, b, c);
  // Matrices that meet one and the same B are one tall matrix.
  const bool tall =
      !ta && b.count(0, b.rank() - 2) == 1 && a.count(0, a.rank() - 2) == c.count(0, c.rank() - 2);
  if (tall && !offsets.empty()) {
    rows *= static_cast<Index>(offsets.size());
    offsets.resize(1);
  }
  const Gemm product = kernels.plan_gemm(rows, columns, depth, ta, tb);
  Plan plan = make_plan(implementation("gemm", kernels), [=, &kernels](const Io& io) {
    T* result = io.out<T>(0);
    for (const auto& [at_a, at_b] : offsets) {
      kernels.fill_rows(result, rows, columns, nullptr);
      kernels.gemm(product, io.in<T>(0) + at_a, io.in<T>(1) + at_b, result, io.scratch);
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

void add_linear_kernels(KernelTable& kernels, std::string_view owner) {
  kernels.add("linear", linear_rule(), owner);
  kernels.add("matmul",
              for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) { return plan_matmul(s, k); }),
              owner);
}

}  // namespace assay::eigen
