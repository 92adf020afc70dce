// Offers for linear, with or without an activation behind it, and matmul.
#include <algorithm>
#include <utility>
#include <vector>

#include "backends/openmp/nests.h"
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

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

Shape batch_of(const Shape& shape) {
  return Shape(shape.extents().first(static_cast<std::size_t>(shape.rank() - 2)));
}

// Offsets of the operands of one product, in elements.
struct Offsets {
  std::int64_t a, b;
};

std::vector<Offsets> batch_offsets(const Shape& a, const Shape& b, const Shape& c) {
  const Shape batch = batch_of(c);
  const Strides steps_a = broadcast_strides(batch_of(a), batch);
  const Strides steps_b = broadcast_strides(batch_of(b), batch);
  std::vector<Offsets> offsets;
  for (std::int64_t i = 0; i < batch.count(); ++i) {
    Offsets at{0, 0};
    std::int64_t rest = i;
    for (int axis = batch.rank() - 1; axis >= 0; rest /= batch[axis], --axis) {
      at.a += rest % batch[axis] * steps_a[static_cast<std::size_t>(axis)];
      at.b += rest % batch[axis] * steps_b[static_cast<std::size_t>(axis)];
    }
    offsets.push_back({at.a * a[-2] * a[-1], at.b * b[-2] * b[-1]});
  }
  return offsets;
}

bool evenly_spaced(const std::vector<Offsets>& offsets) {
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    const auto steps = static_cast<std::int64_t>(i);
    if (offsets[i].a != steps * offsets[1].a || offsets[i].b != steps * offsets[1].b) return false;
  }
  return true;
}

template <class T>
Plan plan_matmul(const Site& site, const Target<T>& target) {
  const Shape &a = site.input(0).shape, &b = site.input(1).shape, &c = site.output().shape;
  const bool ta = site.fields().boolean("transpose_a"), tb = site.fields().boolean("transpose_b");
  GemmShape shape{.m = c[-2],
                  .n = c[-1],
                  .k = a[ta ? -2 : -1],
                  .a_row = ta ? 1 : a[-1],
                  .a_column = ta ? a[-1] : 1,
                  .b_row = tb ? 1 : b[-1],
                  .b_column = tb ? b[-1] : 1,
                  .c_row = c[-1]};
  std::vector<Offsets> offsets = batch_offsets(a, b, c);
  const auto products = static_cast<std::int64_t>(offsets.size());
  const bool one_b = batch_of(b).count() == 1, every_a = batch_of(a).count() == products;
  if (!ta && one_b && every_a && products > 1) {  // matrices that meet one B are one tall matrix
    shape.m *= products;
    offsets.erase(offsets.begin() + 1, offsets.end());
  } else if (products > 1 && evenly_spaced(offsets)) {
    shape.batch = products;
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
