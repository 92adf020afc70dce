// Movement of data through reorders between strided views of one buffer: transpose and slice; and concat.
#include "backends/onednn/context.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

using dnnl::memory;

Offer offer_reorder(const Context& context, const Site& site, const MemoryDesc& from) {
  Sequence sequence(context);
  sequence.add(reorder(context.engine, from, row_major(site.output())),
               {{DNNL_ARG_FROM, Buffer::input(0)}, {DNNL_ARG_TO, Buffer::output(0)}});
  return sequence.plan(site.op().name);
}

// The input seen through the output's axes: strides permuted.
Offer offer_transpose(const Context& context, const Site& site) {
  const Shape& x = site.input(0).shape;
  Dims strides(static_cast<std::size_t>(x.rank()), 1);
  for (int axis = x.rank() - 1; axis > 0; --axis) {
    strides[static_cast<std::size_t>(axis - 1)] = strides[static_cast<std::size_t>(axis)] * x[axis];
  }
  Dims permuted;
  for (const std::int64_t axis : site.fields().integers("axes")) {
    permuted.push_back(strides[static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis)]);
  }
  if (permuted.empty()) return Refusal{"a scalar has no axes to exchange"};
  return offer_reorder(context, site,
                       MemoryDesc(dims_of(site.output().shape), memory::data_type::f32, permuted));
}

// The part [start, stop) of an axis: a window into the input's descriptor.
Offer offer_slice(const Context& context, const Site& site) {
  const Shape& x = site.input(0).shape;
  const auto field = static_cast<int>(site.fields().integer("axis"));
  const auto axis = static_cast<std::size_t>(field < 0 ? field + x.rank() : field);
  Dims offsets(static_cast<std::size_t>(x.rank()), 0);
  offsets[axis] = site.fields().integer("start");
  const MemoryDesc whole = row_major(site.input(0));
  return offer_reorder(context, site, whole.submemory_desc(dims_of(site.output().shape), offsets));
}

Offer offer_concat(const Context& context, const Site& site) {
  const auto field = static_cast<int>(site.fields().integer("axis"));
  const int axis = field < 0 ? field + site.output().shape.rank() : field;
  std::vector<MemoryDesc> sources;
  std::vector<std::pair<int, Buffer>> arguments{{DNNL_ARG_DST, Buffer::output(0)}};
  for (std::size_t i = 0; i < site.inputs.size(); ++i) {
    sources.push_back(row_major(site.input(i)));
    arguments.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), Buffer::input(i));
  }
  Sequence sequence(context);
  sequence.add(concat(context.engine, axis, sources, row_major(site.output())), arguments);
  return sequence.plan("concat");
}

}  // namespace

void add_movement_kernels(KernelTable& kernels, Context& context) {
  // Bit for bit, but for floats only: the library's reorders of integers may pass through floats.
  const auto add = [&](std::string_view op, Offer (*offer)(const Context&, const Site&)) {
    kernels.add(
        op,
        [&context, offer](const Site& site) -> Offer {
          if (site.output().dtype != DType::f32) return Refusal{"only f32 is moved"};
          return offer(context, site);
        },
        "onednn");
  };
  add("transpose", offer_transpose);
  add("slice", offer_slice);
  add("concat", offer_concat);
}

}  // namespace assay::onednn
