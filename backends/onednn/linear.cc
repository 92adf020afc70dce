// Matrix products: linear, alone or with the activation behind it, and matmul, alone or with the update of a
// weight that it is the gradient of, all by the matmul primitive, which reads transposed operands through
// strides. Measured on oneDNN 2.6.3 with AVX-512:
//   - A blocked layout of the weights would win 1 to 14 % forward and cost the backward products 8 to 30 %.
//   - X Wᵀ on W [out, in] packs the weights, and takes up to 1.4 times what it takes on W stored [in, out];
//     Δ W is the other way around. So weights are stored [in, out] where there is no Δ W, in a first layer,
//     and the library then packs less: it packs both where rows are so far apart that they collide in the
//     cache.
#include <fmt/format.h>

#include <algorithm>

#include "assay/program/descent.h"
#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/isa/loops.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

const auto kF32 = dnnl::memory::data_type::f32;

// Rows and columns exchanged.
MemoryDesc transposed(const MemoryDesc& desc) { return desc.permute_axes({1, 0}); }

std::size_t scratch_bytes(const PrimitiveDesc& primitive) {
  return primitive.query_md(dnnl::query::scratchpad_md).get_size();
}

// Z = X Wᵀ + b, X [rows, in] and W [out, in]; then f(Z) where a second op follows.
Offer offer_linear(Context& context, const Site& site) {
  const Shape& x = site.input(0).shape;
  const Port& weight = site.inputs[1];
  const dnnl::memory::dim in = weight.spec.shape[1], out = weight.spec.shape[0],
                          rows = x.count(0, x.rank() - 1);
  std::optional<Eltwise> activation;
  std::string name = "linear";
  if (site.ops.size() == 2) {
    activation = activation_of(site.ops[1]);
    name += "+" + site.ops[1].op->name;
    if (!activation) return refuse_activation(site.ops[1]);
  }
  const bool with_bias = site.ops[0].inputs.size() == 3;
  const MemoryDesc bias = with_bias ? row_major({1, out}) : MemoryDesc();
  const auto product = [&](const MemoryDesc& weights) {
    return matmul(context.engine, row_major({rows, in}), transposed(weights), bias, row_major({rows, out}),
                  activation);
  };
  MemoryDesc weights = weight.layout_free ? row_major(weight.spec) : context.layouts.desc_of(weight);
  PrimitiveDesc primitive = product(weights);
  if (weight.layout_free && weight.read_once) {
    const MemoryDesc other_weights = transposed(row_major({in, out}));
    const PrimitiveDesc other = product(other_weights);
    if (scratch_bytes(other) < scratch_bytes(primitive)) {
      weights = other_weights;
      primitive = other;
    }
  }
  Sequence sequence(context);
  std::vector<std::pair<int, Buffer>> arguments{{DNNL_ARG_SRC, Buffer::input(0)},
                                                {DNNL_ARG_WEIGHTS, Buffer::input(1)},
                                                {DNNL_ARG_DST, Buffer::output(0)}};
  if (with_bias) arguments.emplace_back(DNNL_ARG_BIAS, Buffer::input(2));
  sequence.add(primitive, arguments);
  Offer offer = sequence.plan(name);
  Plan* plan = std::get_if<Plan>(&offer);
  if (plan == nullptr) return offer;
  plan->inputs.resize(site.inputs.size());
  plan->inputs[1] = context.layouts.intern(weights);
  plan->outputs.resize(1);
  if (activation) promise(plan->accuracy, site.ops[1].op->name);
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

// Whether a matrix lies transposed: where some weight does.
bool lies_transposed(const Context& context, const Port& port) {
  const MemoryDesc* own = context.layouts.find(port.layout);
  return own != nullptr && port.spec.shape.rank() == 2 && is_row_major(transposed(*own));
}

struct Factor {
  MemoryDesc desc;
  Buffer buffer;
};

// C = A B, or C + A B where `onto`. Where C lies transposed, it is made as Cᵀ = Bᵀ Aᵀ.
void add_product(const Context& context, Sequence& sequence, const Factor& a, const Factor& b,
                 const MemoryDesc& c, bool onto) {
  if (!is_row_major(c)) {
    return add_product(context, sequence, {transposed(b.desc), b.buffer}, {transposed(a.desc), a.buffer},
                       transposed(c), onto);
  }
  sequence.add(onto ? matmul_onto(context.engine, a.desc, b.desc, c, 1.0f)
                    : matmul(context.engine, a.desc, b.desc, MemoryDesc(), c),
               {{DNNL_ARG_SRC, a.buffer}, {DNNL_ARG_WEIGHTS, b.buffer}, {DNNL_ARG_DST, Buffer::output(0)}});
}

// w ← w − η A B, in one product: the smaller operand is scaled by −η, and the product is added to w where it
// is made, so that the gradient never goes through memory.
Offer offer_descent(Context& context, const Site& site) {
  const auto found = descent_of(site);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return *refusal;
  const DescentSite descent = std::get<DescentSite>(found);
  const Shape& a = site.input(0).shape;
  const Shape& b = site.input(1).shape;
  if (a.rank() != 2 || b.rank() != 2) return Refusal{"a batch of products"};
  const std::size_t scaled = a.count() <= b.count() ? 0 : 1;
  const std::int64_t count = site.input(scaled).count();
  const Port& weight = site.inputs[descent.weight];
  const bool beside = lies_transposed(context, weight);

  Sequence sequence(context);
  const Buffer step = sequence.scratch(row_major({count}));
  add_product(context, sequence,
              {operand(a, 2, site.fields().boolean("transpose_a")), scaled == 0 ? step : Buffer::input(0)},
              {operand(b, 2, site.fields().boolean("transpose_b")), scaled == 1 ? step : Buffer::input(1)},
              beside ? context.layouts.desc_of(weight) : row_major(site.output()), true);
  Offer offer = sequence.plan("matmul+sgd_update");
  Plan* plan = std::get_if<Plan>(&offer);
  if (plan == nullptr) return offer;
  // What the library multiplies by before AVX-512: vectors term by term, and 129 terms in two panels.
  if (plan->implementation.find("gemm") != std::string::npos)
    return Refusal{"oneDNN's product by gemm adds to the weight more than once"};
  if (beside) {
    plan->inputs.resize(site.inputs.size());
    plan->inputs[descent.weight] = weight.layout;
    plan->outputs = {weight.layout};
  }
  plan->in_place = {descent.in_place()};
  plan->bind = [=, product = plan->bind, threads = context.threads, scale = loops().scale]() -> KernelPtr {
    return make_kernel([=, product = std::shared_ptr<const Kernel>(product())](const Io& io) {
      descent.begin(io);
      // The step lies at the start of the scratch, where it was booked.
      scale(count, threads, -*io.in<float>(descent.rate), io.in<float>(scaled),
            static_cast<float*>(io.scratch));
      product->run(io);
    });
  };
  return offer;
}

// A product of two matrices, each as it lies.
Offer offer_product(Context& context, const Site& site) {
  const Layout kept[] = {
      lies_transposed(context, site.inputs[0]) ? site.inputs[0].layout : Layout{},
      lies_transposed(context, site.inputs[1]) ? site.inputs[1].layout : Layout{},
      lies_transposed(context, site.outputs[0]) ? site.outputs[0].layout : Layout{},
  };
  const auto matrix = [&](const Spec& spec, const Layout& layout, std::string_view exchanged) {
    const MemoryDesc desc = context.layouts.desc_of({spec, layout});
    return exchanged.empty() || !site.fields().boolean(exchanged) ? desc : transposed(desc);
  };
  Sequence sequence(context);
  add_product(context, sequence, {matrix(site.input(0), kept[0], "transpose_a"), Buffer::input(0)},
              {matrix(site.input(1), kept[1], "transpose_b"), Buffer::input(1)},
              matrix(site.output(), kept[2], ""), false);
  Offer offer = sequence.plan("matmul");
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    plan->inputs = {kept[0], kept[1]};
    plan->outputs = {kept[2]};
  }
  return offer;
}

Offer offer_matmul(Context& context, const Site& site) {
  if (site.ops.size() == 2) return offer_descent(context, site);
  const Shape& a = site.input(0).shape;
  const Shape& b = site.input(1).shape;
  if (a.rank() == 2 && b.rank() == 2) return offer_product(context, site);
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
