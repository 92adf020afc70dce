// Pooling in whatever layout the image lies. Averages are the library's; maxima are a loop of our own
// (isa/max_pool.cc): the library keeps the positions of the maxima in a workspace that only it can read, and
// is slower for it.
#include "backends/onednn/context.h"
#include "backends/onednn/isa/loops.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

const auto kI32 = dnnl::memory::data_type::s32;

// The format of an image among those that our loops know; images in any other are wanted canonical.
ImageFormat format_of(const Context& context, const Port& port) {
  return image_format_of(context.layouts.desc_of(port)).value_or(ImageFormat::channels_first);
}

PoolingGeometry geometry_of(const Fields& fields, bool count_padding) {
  const auto& size = fields.integers("size");
  const auto& stride = fields.integers("stride");
  const auto& padding = fields.integers("padding");
  return {{size[0], size[1]},
          {stride[0], stride[1]},
          {padding[0], padding[2]},
          {padding[1], padding[3]},
          count_padding};
}

Offer offer_average(Context& context, const Site& site, ImageFormat format) {
  const MemoryDesc src = image(dims_of(site.input(0).shape), format);
  const MemoryDesc dst = image(dims_of(site.output().shape), format);
  Sequence sequence(context);
  sequence.add(average_pooling(context.engine, src, dst,
                               geometry_of(site.fields(), site.fields().boolean("count_padding"))),
               {{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_DST, Buffer::output(0)}});
  Offer offer = sequence.plan("avg_pool2d");
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    plan->inputs = {context.layouts.intern(src)};
    plan->outputs = {context.layouts.intern(dst)};
  }
  return offer;
}

Offer offer_average_grad(Context& context, const Site& site, ImageFormat format) {
  const MemoryDesc diff_dst = image(dims_of(site.input(0).shape), format);
  const MemoryDesc diff_src = image(dims_of(site.output().shape), format);
  Sequence sequence(context);
  sequence.add(average_pooling_backward(context.engine, diff_src, diff_dst,
                                        geometry_of(site.fields(), site.fields().boolean("count_padding"))),
               {{DNNL_ARG_DIFF_DST, Buffer::input(0)}, {DNNL_ARG_DIFF_SRC, Buffer::output(0)}});
  Offer offer = sequence.plan("avg_pool2d_grad");
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    plan->inputs = {context.layouts.intern(diff_dst)};
    plan->outputs = {context.layouts.intern(diff_src)};
  }
  return offer;
}

// One window as large as the image. The result [N, C, 1, 1] is canonical in every format without padding.
Offer offer_global_average(Context& context, const Site& site, ImageFormat format) {
  const Shape& x = site.input(0).shape;
  const MemoryDesc src = image(dims_of(x), format);
  const MemoryDesc dst = image({x[0], x[1], 1, 1}, format);
  if (is_padded(dst)) return Refusal{"the channels are padded to whole blocks"};
  Sequence sequence(context);
  sequence.add(average_pooling(context.engine, src, dst, {{x[2], x[3]}, {1, 1}, {0, 0}, {0, 0}, false}),
               {{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_DST, Buffer::output(0)}});
  Offer offer = sequence.plan("global_avg_pool");
  if (Plan* plan = std::get_if<Plan>(&offer)) plan->inputs = {context.layouts.intern(src)};
  return offer;
}

// How `image` [N, C, H, W] divides into planes in a format.
MaxPooling planes_of(const Context& context, const Shape& image, const Shape& result, ImageFormat format) {
  MaxPooling p;
  switch (format) {
    case ImageFormat::channels_first:
      p.lanes = 1;
      break;
    case ImageFormat::channels_last:
      p.lanes = image[1];
      break;
    case ImageFormat::blocked8:
      p.lanes = 8;
      break;
    case ImageFormat::blocked16:
      p.lanes = 16;
      break;
  }
  p.planes = image[0] * ((image[1] + p.lanes - 1) / p.lanes);
  p.height = image[2];
  p.width = image[3];
  p.output_height = result[2];
  p.output_width = result[3];
  p.threads = context.threads;
  return p;
}

Offer offer_max(Context& context, const Site& site) {
  const Shape& x = site.input(0).shape;
  const ImageFormat format = format_of(context, site.inputs[0]);
  const PoolingGeometry window = geometry_of(site.fields(), false);
  MaxPooling pooling = planes_of(context, x, site.output().shape, format);
  pooling.size_height = window.size[0];
  pooling.size_width = window.size[1];
  pooling.stride_height = window.stride[0];
  pooling.stride_width = window.stride[1];
  pooling.top = window.padding_before[0];
  pooling.left = window.padding_before[1];
  Plan plan = make_plan("onednn.max_pool2d.loop", [pooling, run = loops().max_pool](const Io& io) {
    run(pooling, io.in<float>(0), io.out<float>(0), io.out<std::int32_t>(1));
  });
  const Dims result = dims_of(site.output().shape);
  plan.inputs = {context.layouts.intern(image(dims_of(x), format))};
  plan.outputs = {context.layouts.intern(image(result, format)),
                  context.layouts.intern(image(result, format, kI32))};
  return plan;
}

// dx, and through the relu before the pooling where relu_grad follows: its y is the third input.
Offer offer_max_grad(Context& context, const Site& site) {
  const bool gated = site.ops.size() == 2;
  if (gated && site.ops[1].operands[0].op != 0) return Refusal{"relu_grad of another cotangent"};
  const ImageFormat format = format_of(context, site.inputs[1]);
  const MaxPooling pooling = planes_of(context, site.output().shape, site.input(0).shape, format);
  Plan plan = make_plan(gated ? "onednn.max_pool2d_grad+relu_grad.loop" : "onednn.max_pool2d_grad.loop",
                        [pooling, gated, run = loops().max_pool_grad](const Io& io) {
                          run(pooling, io.in<float>(0), io.in<std::int32_t>(1),
                              gated ? io.in<float>(2) : nullptr, io.out<float>(0));
                        });
  const Dims result = dims_of(site.input(0).shape);
  const Layout image_layout = context.layouts.intern(image(dims_of(site.output().shape), format));
  plan.inputs = {context.layouts.intern(image(result, format)),
                 context.layouts.intern(image(result, format, kI32))};
  if (gated) plan.inputs.push_back(image_layout);
  plan.outputs = {image_layout};
  return plan;
}

}  // namespace

void add_pooling_kernels(KernelTable& kernels, Context& context) {
  // As the image lies, or canonical where the library has nothing good for that.
  const auto add = [&](std::string_view op, Offer (*offer)(Context&, const Site&, ImageFormat)) {
    kernels.add(
        op,
        [&context, offer](const Site& site) {
          const ImageFormat format = format_of(context, site.inputs[0]);
          if (format != ImageFormat::channels_first) {
            Offer answer = offer(context, site, format);
            if (std::holds_alternative<Plan>(answer)) return answer;
          }
          return offer(context, site, ImageFormat::channels_first);
        },
        "onednn");
  };
  add("avg_pool2d", offer_average);
  add("avg_pool2d_grad", offer_average_grad);
  add("global_avg_pool", offer_global_average);
  kernels.add(
      "max_pool2d", [&context](const Site& site) { return offer_max(context, site); }, "onednn");
  kernels.add(
      "max_pool2d_grad", [&context](const Site& site) { return offer_max_grad(context, site); }, "onednn");
}

}  // namespace assay::onednn
