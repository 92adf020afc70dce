// Matrix products: linear, alone or with the activation behind it, and matmul, both by the matmul primitive,
// which reads transposed operands through strides. Measured on oneDNN 2.6.3 with AVX-512, it reaches 86 to 99
// % of what weights in a blocked layout give, which in turn would cost the backward products 8 to 30 %:
// weights stay canonical.
#include <fmt/format.h>

#include <algorithm>

#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

const auto kF32 = dnnl::memory::data_type::f32;

// Z = X Wᵀ + b, X [rows, in] and W [out, in]; then f(Z) where a second op follows.
Offer offer_linear(const Context& context, const Site& site) {
  const Shape& x = site.input(0).shape;
  const Shape& weight = site.input(1).shape;
  const dnnl::memory::dim in = weight[1], out = weight[0], rows = x.count(0, x.rank() - 1);
  std::optional<Eltwise> activation;
  std::string name = "linear";
  if (site.ops.size() == 2) {
    activation = activation_of(site.ops[1]);
    name += "+" + site.ops[1].op->name;
    if (!activation)
      return Refusal{fmt::format("'{}' is not accurate enough to be fused", site.ops[1].op->name)};
  }
  const bool with_bias = site.ops[0].inputs.size() == 3;
  const MemoryDesc weights({in, out}, kF32, Dims{1, in});
  const MemoryDesc bias = with_bias ? row_major({1, out}) : MemoryDesc();
  Sequence sequence(context);
  std::vector<std::pair<int, Buffer>> arguments{{DNNL_ARG_SRC, Buffer::input(0)},
                                                {DNNL_ARG_WEIGHTS, Buffer::input(1)},
                                                {DNNL_ARG_DST, Buffer::output(0)}};
  if (with_bias) arguments.emplace_back(DNNL_ARG_BIAS, Buffer::input(2));
  sequence.add(
      matmul(context.engine, row_major({rows, in}), weights, bias, row_major({rows, out}), activation),
      arguments);
  Offer offer = sequence.plan(name);
  if (Plan* plan = std::get_if<Plan>(&offer); plan != nullptr && activation) {
    const Contract contract = *contract_of(site.ops[1].op->name);
    plan->accuracy.ulp = contract.ulp;
    plan->accuracy.absolute = contract.absolute;
  }
  return offer;
}

// The operand of a product with `rank` axes, the last two exchanged where `transposed`.
MemoryDesc operand(const Shape& shape, int rank, bool transposed) {
  Dims dims(static_cast<std::size_t>(rank), 1);
  std::ranges::copy(shape.extents(), dims.end() - shape.rank());
  Dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size() - 1; axis > 0; --axis) strides[axis - 1] = strides[axis] * dims[axis];
  if (transposed) {
    std::iter_swap(dims.end() - 1, dims.end() - 2);
    std::iter_swap(strides.end() - 1, strides.end() - 2);
  }
  return MemoryDesc(dims, kF32, strides);
}

Offer offer_matmul(const Context& context, const Site& site) {
  const Shape& a = site.input(0).shape;
  const Shape& b = site.input(1).shape;
  const bool transpose_a = site.fields().boolean("transpose_a");
  const bool transpose_b = site.fields().boolean("transpose_b");
  // Rows of a batch times one matrix are rows of one product.
  const bool flat = b.rank() == 2 && !transpose_a;
  const int rank = flat ? 2 : std::max(a.rank(), b.rank());
  const Shape rows{a.count(0, a.rank() - 1), a[-1]};
  const Shape result{rows[0], site.output().shape[-1]};
  Sequence sequence(context);
  sequence.add(
      matmul(context.engine, operand(flat ? rows : a, rank, transpose_a), operand(b, rank, transpose_b),
             MemoryDesc(), operand(flat ? result : site.output().shape, rank, false)),
      {{DNNL_ARG_SRC, Buffer::input(0)},
       {DNNL_ARG_WEIGHTS, Buffer::input(1)},
       {DNNL_ARG_DST, Buffer::output(0)}});
  return sequence.plan("matmul");
}

}  // namespace

void add_linear_kernels(KernelTable& kernels, Context& context) {
  kernels.add(
      "linear", [&context](const Site& site) { return offer_linear(context, site); }, "onednn");
  kernels.add(
      "matmul", [&context](const Site& site) { return offer_matmul(context, site); }, "onednn");
}

}  // namespace assay::onednn
