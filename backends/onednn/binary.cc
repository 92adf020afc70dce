// Elementwise arithmetic on two values. The library broadcasts its second operand only; where the first is
// the smaller one, a commutative op exchanges them.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "backends/onednn/elementwise.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

using dnnl::algorithm;

struct Arithmetic {
  algorithm kind;
  bool commutative;
  bool keeps_zero;  ///< 0 ∘ 0 = 0
};

const std::map<std::string, Arithmetic, std::less<>>& arithmetic() {
  static const std::map<std::string, Arithmetic, std::less<>> table{
      {"add", {algorithm::binary_add, true, true}},
      {"sub", {algorithm::binary_sub, false, true}},
      {"mul", {algorithm::binary_mul, true, true}},
      {"div", {algorithm::binary_div, false, false}},
  };
  return table;
}

// Two operands of one shape.
Offer offer_alike(const Context& context, const Site& site, const Arithmetic& op) {
  return in_some_layout(context, site, op.keeps_zero, [&](const Arrangement& where) {
    Sequence sequence(context);
    sequence.add(binary(context.engine, op.kind, where.desc, where.desc, where.desc),
                 {{DNNL_ARG_SRC_0, Buffer::input(0)},
                  {DNNL_ARG_SRC_1, Buffer::input(1)},
                  {DNNL_ARG_DST, Buffer::output(0)}});
    Offer offer = sequence.plan(site.op().name);
    if (Plan* plan = std::get_if<Plan>(&offer)) {
      lie_in(*plan, site, where.layout);
      plan->in_place = {{0, 0}};
    }
    return offer;
  });
}

// The two shapes with axes merged where both go along whole or both stay: [B, 1] and [B·C, 1] rather than
// four axes.
std::pair<Dims, Dims> merged(const Shape& full, const Shape& small) {
  Dims large_dims, small_dims;
  for (int axis = 0; axis < full.rank(); ++axis) {
    const int from_end = axis - full.rank() + small.rank();
    const dnnl::memory::dim extent = full[axis], other = from_end < 0 ? 1 : small[from_end];
    if (extent == 1) continue;
    const bool broadcast = other != extent;
    if (!large_dims.empty() && broadcast == (small_dims.back() != large_dims.back())) {
      large_dims.back() *= extent;
      small_dims.back() *= other;
    } else {
      large_dims.push_back(extent);
      small_dims.push_back(other);
    }
  }
  if (large_dims.empty()) return {{1}, {1}};
  return {large_dims, small_dims};
}

Offer offer_broadcast(const Context& context, const Site& site, const Arithmetic& op) {
  std::size_t large = 0, small = 1;
  if (site.input(large) != site.output()) {
    if (!op.commutative) return Refusal{"oneDNN broadcasts the second operand only"};
    std::swap(large, small);
  }
  if (site.input(large) != site.output()) return Refusal{"oneDNN broadcasts one operand only"};
  const auto [dims, small_dims] = merged(site.output().shape, site.input(small).shape);
  Sequence sequence(context);
  sequence.add(binary(context.engine, op.kind, row_major(dims), row_major(small_dims), row_major(dims)),
               {{DNNL_ARG_SRC_0, Buffer::input(large)},
                {DNNL_ARG_SRC_1, Buffer::input(small)},
                {DNNL_ARG_DST, Buffer::output(0)}});
  Offer offer = sequence.plan(site.op().name);
  if (Plan* plan = std::get_if<Plan>(&offer)) plan->in_place = {{0, static_cast<int>(large)}};
  return offer;
}

// A scalar times a value in any layout: the padding stays zero.
Offer offer_scaling(const Context& context, const Site& site, const Arithmetic& op, std::size_t large) {
  return in_some_layout(context, site, true, [&](const Arrangement& where) {
    Sequence sequence(context);
    sequence.add(binary(context.engine, op.kind, where.desc, row_major({1}), where.desc),
                 {{DNNL_ARG_SRC_0, Buffer::input(large)},
                  {DNNL_ARG_SRC_1, Buffer::input(1 - large)},
                  {DNNL_ARG_DST, Buffer::output(0)}});
    Offer offer = sequence.plan(site.op().name);
    if (Plan* plan = std::get_if<Plan>(&offer)) {
      lie_in(*plan, site, where.layout);
      plan->in_place = {{0, static_cast<int>(large)}};
    }
    return offer;
  });
}

Offer offer_binary(const Context& context, const Site& site) {
  const Arithmetic& op = arithmetic().find(site.op().name)->second;
  const Spec& a = site.input(0);
  const Spec& b = site.input(1);
  if (a == b) return offer_alike(context, site, op);
  if (op.kind == algorithm::binary_mul && b.count() == 1 && a == site.output()) {
    return offer_scaling(context, site, op, 0);
  }
  if (op.kind == algorithm::binary_mul && a.count() == 1 && b == site.output()) {
    return offer_scaling(context, site, op, 1);
  }
  return offer_broadcast(context, site, op);
}

}  // namespace

void add_binary_kernels(KernelTable& kernels, Context& context) {
  for (const auto& [name, op] : arithmetic()) {
    kernels.add(
        name, [&context](const Site& site) { return offer_binary(context, site); }, "onednn");
  }
  for (const std::string_view name : {"maximum", "minimum"}) {
    kernels.add(
        name, [](const Site&) -> Offer { return Refusal{"oneDNN's loses a NaN in the first operand"}; },
        "onednn");
  }
  for (const std::string_view name : {"greater", "equal"}) {
    kernels.add(
        name,
        [](const Site&) -> Offer {
          return Refusal{"oneDNN compares into a mask only by its unoptimised loop 'ref:any'"};
        },
        "onednn");
  }
}

}  // namespace assay::onednn
