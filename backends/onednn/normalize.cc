// Batch and layer normalisation, forward and backward. Batch normalisation takes images in whatever layout
// they lie.
#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/isa/loops.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

// x [N, C, …] as an image: what follows C in two axes. Rows of [N, C] are pixels of an image of one pixel,
// channels last, which is how the fast code wants them.
MemoryDesc canonical_image(const Shape& x) {
  const Dims dims = x.rank() == 4 ? dims_of(x) : Dims{x[0], x[1], x.count(2, x.rank()), 1};
  return image(dims, x.rank() == 2 ? ImageFormat::channels_last : ImageFormat::channels_first);
}

float epsilon_of(const Site& site) { return static_cast<float>(site.fields().number("epsilon")); }

// Tries `make(image)` with the image of operand `leading` as it lies, then canonical. `images` are the
// operands that lie like it; the first output does too.
template <class Make>
Offer in_image_layout(const Context& context, const Site& site, std::initializer_list<std::size_t> images,
                      Make make) {
  const auto lay_out = [&](Offer offer, const Layout& layout) {
    if (Plan* plan = std::get_if<Plan>(&offer)) {
      plan->inputs.resize(site.inputs.size());
      plan->outputs.resize(site.outputs.size());
      for (const std::size_t i : images) plan->inputs[i] = layout;
      plan->outputs[0] = layout;
    }
    return offer;
  };
  for (const std::size_t i : images) {
    const MemoryDesc* own = context.layouts.find(site.inputs[i].layout);
    if (own == nullptr) continue;
    // A channel of padding varies by nothing: without epsilon its zeros would become 0/0.
    if (is_padded(*own) && epsilon_of(site) == 0) continue;
    Offer offer = lay_out(make(*own), site.inputs[i].layout);
    if (std::holds_alternative<Plan>(offer)) return offer;
  }
  return lay_out(make(canonical_image(site.input(*images.begin()).shape)), {});
}

Offer with_relu(Offer offer, bool relu) {
  if (Plan* plan = std::get_if<Plan>(&offer); plan != nullptr && relu) promise(plan->accuracy, "relu");
  return offer;
}

// Alone, or with relu behind it.
Offer offer_batch_norm(const Context& context, const Site& site) {
  const bool relu = site.ops.size() == 2;
  return in_image_layout(context, site, {0}, [&](const MemoryDesc& data) {
    const PrimitiveDesc primitive = batch_normalization(context.engine, false, data, epsilon_of(site), relu);
    std::vector<std::pair<int, Buffer>> arguments{
        {DNNL_ARG_SRC, Buffer::input(0)},   {DNNL_ARG_SCALE, Buffer::input(1)},
        {DNNL_ARG_SHIFT, Buffer::input(2)}, {DNNL_ARG_DST, Buffer::output(0)},
        {DNNL_ARG_MEAN, Buffer::output(1)}, {DNNL_ARG_VARIANCE, Buffer::output(2)}};
    Sequence sequence(context);
    // Where y is positive, which relu_grad sees in y itself.
    if (relu)
      arguments.emplace_back(DNNL_ARG_WORKSPACE,
                             sequence.scratch(argument_desc(primitive, DNNL_ARG_WORKSPACE)));
    sequence.add(primitive, arguments);
    return with_relu(sequence.plan(relu ? "batch_norm+relu" : "batch_norm"), relu);
  });
}

Offer offer_batch_norm_inference(const Context& context, const Site& site) {
  const bool relu = site.ops.size() == 2;
  return in_image_layout(context, site, {0}, [&](const MemoryDesc& data) {
    Sequence sequence(context);
    sequence.add(batch_normalization(context.engine, true, data, epsilon_of(site), relu),
                 {{DNNL_ARG_SRC, Buffer::input(0)},
                  {DNNL_ARG_SCALE, Buffer::input(1)},
                  {DNNL_ARG_SHIFT, Buffer::input(2)},
                  {DNNL_ARG_MEAN, Buffer::input(3)},
                  {DNNL_ARG_VARIANCE, Buffer::input(4)},
                  {DNNL_ARG_DST, Buffer::output(0)}});
    return with_relu(sequence.plan(relu ? "batch_norm_inference+relu" : "batch_norm_inference"), relu);
  });
}

Offer offer_batch_norm_grad(const Context& context, const Site& site) {
  return in_image_layout(context, site, {0, 1}, [&](const MemoryDesc& data) {
    Sequence sequence(context);
    // The shift has no part in the derivative, yet the primitive insists on being given one.
    sequence.add(batch_normalization_backward(context.engine, data, epsilon_of(site)),
                 {{DNNL_ARG_DIFF_DST, Buffer::input(0)},
                  {DNNL_ARG_SRC, Buffer::input(1)},
                  {DNNL_ARG_SCALE, Buffer::input(2)},
                  {DNNL_ARG_SHIFT, Buffer::input(2)},
                  {DNNL_ARG_MEAN, Buffer::input(3)},
                  {DNNL_ARG_VARIANCE, Buffer::input(4)},
                  {DNNL_ARG_DIFF_SRC, Buffer::output(0)},
                  {DNNL_ARG_DIFF_SCALE, Buffer::output(1)},
                  {DNNL_ARG_DIFF_SHIFT, Buffer::output(2)}});
    return sequence.plan("batch_norm_grad");
  });
}

// Behind relu_grad, whose y is the second input: by a loop of the backend's own, on images in blocks.
Offer offer_gated_batch_norm_grad(Context& context, const Site& site) {
  if (site.ops.size() == 1) return Refusal{"no gradient of batch normalisation behind it"};
  if (site.ops[1].operands[0].op != 0) return Refusal{"relu_grad of another operand than the cotangent"};
  const Shape& shape = site.output().shape;
  std::optional<ImageFormat> format;
  Layout layout;
  for (const std::size_t i : {0, 1, 2}) {
    const MemoryDesc* const own = context.layouts.find(site.inputs[i].layout);
    if (own == nullptr) continue;
    const auto found = image_format_of(*own);
    if (found != ImageFormat::blocked8 && found != ImageFormat::blocked16) continue;
    format = found;
    layout = site.inputs[i].layout;
    break;
  }
  if (!format) return Refusal{"gradients of relu and batch normalisation in one, of images not in blocks"};
  BatchNormalization b{.images = shape[0],
                       .channels = shape[1],
                       .lanes = *format == ImageFormat::blocked16 ? 16 : 8,
                       .points = shape[2] * shape[3],
                       .epsilon = static_cast<float>(site.ops[1].fields->number("epsilon")),
                       .threads = context.threads};
  const Loops own = loops();
  if (b.lanes % own.width != 0) return Refusal{"blocks of channels narrower than a register"};
  Plan plan =
      make_plan("onednn.relu_grad+batch_norm_grad.loop", [b, run = own.gated_batch_norm_grad](const Io& io) {
        run(b, io.in<float>(0), io.in<float>(1), io.in<float>(2), io.in<float>(3), io.in<float>(4),
            io.in<float>(5), io.out<float>(0), io.out<float>(1), io.out<float>(2),
            static_cast<float*>(io.scratch));
      });
  plan.inputs = {layout, layout, layout, {}, {}, {}};
  plan.outputs = {layout, {}, {}};
  plan.scratch_bytes = static_cast<std::size_t>(b.scratch_elements()) * sizeof(float);
  plan.in_place = {{0, 0}, {0, 1}, {0, 2}};
  return plan;
}

// x [B…, D…] as [rows, length], normalised over the last.
MemoryDesc rows_of(const Site& site, const Shape& x) {
  const int axis = static_cast<int>(site.fields().integer("axis"));
  return row_major({x.count(0, axis), x.count(axis, x.rank())});
}

Offer offer_layer_norm(const Context& context, const Site& site) {
  Sequence sequence(context);
  sequence.add(layer_normalization(context.engine, rows_of(site, site.input(0).shape), epsilon_of(site)),
               {{DNNL_ARG_SRC, Buffer::input(0)},
                {DNNL_ARG_SCALE, Buffer::input(1)},
                {DNNL_ARG_SHIFT, Buffer::input(2)},
                {DNNL_ARG_DST, Buffer::output(0)},
                {DNNL_ARG_MEAN, Buffer::output(1)},
                {DNNL_ARG_VARIANCE, Buffer::output(2)}});
  return sequence.plan("layer_norm");
}

Offer offer_layer_norm_grad(const Context& context, const Site& site) {
  Sequence sequence(context);
  sequence.add(
      layer_normalization_backward(context.engine, rows_of(site, site.input(1).shape), epsilon_of(site)),
      {{DNNL_ARG_DIFF_DST, Buffer::input(0)},
       {DNNL_ARG_SRC, Buffer::input(1)},
       {DNNL_ARG_SCALE, Buffer::input(2)},
       {DNNL_ARG_SHIFT, Buffer::input(2)},
       {DNNL_ARG_MEAN, Buffer::input(3)},
       {DNNL_ARG_VARIANCE, Buffer::input(4)},
       {DNNL_ARG_DIFF_SRC, Buffer::output(0)},
       {DNNL_ARG_DIFF_SCALE, Buffer::output(1)},
       {DNNL_ARG_DIFF_SHIFT, Buffer::output(2)}});
  return sequence.plan("layer_norm_grad");
}

}  // namespace

void add_normalization_kernels(KernelTable& kernels, Context& context) {
  const auto add = [&](std::string_view op, Offer (*offer)(const Context&, const Site&)) {
    kernels.add(
        op, [&context, offer](const Site& site) { return offer(context, site); }, "onednn");
  };
  add("batch_norm", offer_batch_norm);
  add("batch_norm_inference", offer_batch_norm_inference);
  add("batch_norm_grad", offer_batch_norm_grad);
  kernels.add(
      "relu_grad", [&context](const Site& site) { return offer_gated_batch_norm_grad(context, site); },
      "onednn");
  add("layer_norm", offer_layer_norm);
  add("layer_norm_grad", offer_layer_norm_grad);
}

}  // namespace assay::onednn
