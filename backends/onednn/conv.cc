// Convolution and its two derivatives. The primitives choose the layouts of images and weights (blocked
// channels, as a rule), and the program keeps values in them from one convolution to the next.
#include <fmt/format.h>

#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/sequence.h"
#include "backends/reference/winograd.h"

namespace assay::onednn {
namespace {

using dnnl::algorithm;

ConvolutionGeometry geometry_of(const Fields& fields) {
  const auto& stride = fields.integers("stride");
  const auto& dilation = fields.integers("dilation");
  const auto& padding = fields.integers("padding");
  return {{stride[0], stride[1]},
          {dilation[0] - 1, dilation[1] - 1},
          {padding[0], padding[2]},
          {padding[1], padding[3]}};
}

// [O, C/g, kh, kw], or [g, O/g, C/g, kh, kw] in groups: the same order of elements.
Dims weight_dims(const Shape& weight, const Fields& fields) {
  const std::int64_t groups = fields.integer("groups");
  if (groups == 1) return dims_of(weight);
  return {groups, weight[0] / groups, weight[1], weight[2], weight[3]};
}

bool is_opaque(const PrimitiveDesc& primitive, int argument) {
  return !blocking_of(argument_desc(primitive, argument));
}

struct Operand {
  int argument;
  Buffer buffer;
};

// The plan of one convolution primitive, each operand in the layout that the primitive asks for.
Offer plan_of(Context& context, const std::string& name, const PrimitiveDesc& primitive,
              const std::vector<Operand>& inputs, int result) {
  Sequence sequence(context);
  std::vector<std::pair<int, Buffer>> arguments{{result, Buffer::output(0)}};
  for (const Operand& input : inputs) arguments.emplace_back(input.argument, input.buffer);
  sequence.add(primitive, arguments);
  Offer offer = sequence.plan(name);
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    for (const Operand& input : inputs) {
      plan->inputs.push_back(context.layouts.intern(argument_desc(primitive, input.argument)));
    }
    plan->outputs = {context.layouts.intern(argument_desc(primitive, result))};
  }
  return offer;
}

// Its "wino_4x3": F(4 × 4, 3 × 3) with these points and infinity (jit_avx512_core_f32_wino_conv_4x3.cpp of
// oneDNN 2.6.3, where they stand as constants of the transforms).
const MinimalFiltering& filtering_4x3() {
  static const MinimalFiltering filtering{4, {0, 0.625, -0.625, 1.5, -1.5}};
  return filtering;
}

// Winograd pads images to whole vectors of channels, which the direct algorithm does not.
bool fills_a_vector(const Shape& images) { return images[1] >= 16; }

// oneDNN 2.6.3's derivative by winograd is wrong in every element where the paddings of two opposite sides
// differ.
bool pads_evenly(const Fields& fields) {
  const std::vector<std::int64_t>& padding = fields.integers("padding");
  return padding[0] == padding[1] && padding[2] == padding[3];
}

// Winograd where it suits the geometry, the backend may use it and the library can, else the direct
// algorithm. Left out are a primitive that keeps its weights transformed, since what updates and saves
// weights has to understand their layout, and one whose algebra is not known.
template <class Make>
Offer by_algorithm(const Context& context, bool suits, Make make) {
  if (context.winograd && suits) {
    try {
      Offer offer = make(algorithm::convolution_winograd);
      Plan* const plan = std::get_if<Plan>(&offer);
      if (plan != nullptr && plan->implementation.find("wino_4x3") != std::string::npos) {
        plan->accuracy.algebra = winograd(filtering_4x3());
        return offer;
      }
    } catch (const dnnl::error&) {
      // The library has no winograd for this geometry.
    }
  }
  return make(algorithm::convolution_direct);
}

// Tries the weights as they lie, then in the primitive's own choice: a layout that suits the forward pass can
// leave the derivative nothing but the library's reference loop.
template <class Make>
Offer with_weights(const Context& context, const Port& port, const Dims& dims, Make make) {
  const MemoryDesc* own = port.layout_free ? nullptr : context.layouts.find(port.layout);
  if (own != nullptr) {
    try {
      Offer offer = make(*own);
      if (std::holds_alternative<Plan>(offer)) return offer;
    } catch (const dnnl::error&) {
      // No primitive at all for this layout.
    }
  }
  return make(free_format(dims));
}

Offer offer_conv2d(Context& context, const Site& site) {
  const Fields& fields = site.fields();
  const Dims weights = weight_dims(site.input(1).shape, fields);
  const ConvolutionGeometry geometry = geometry_of(fields);
  const bool with_bias = site.ops[0].inputs.size() == 3;
  const MemoryDesc bias = with_bias ? row_major({site.input(1).shape[0]}) : MemoryDesc();
  std::optional<Eltwise> activation;
  std::string name = "conv2d";
  if (site.ops.size() == 2) {
    activation = activation_of(site.ops[1]);
    name += "+" + site.ops[1].op->name;
    if (!activation) return refuse_activation(site.ops[1]);
  }
  std::vector<Operand> operands{{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_WEIGHTS, Buffer::input(1)}};
  if (with_bias) operands.push_back({DNNL_ARG_BIAS, Buffer::input(2)});
  Offer offer = by_algorithm(context, fills_a_vector(site.input(0).shape), [&](algorithm kind) {
    return with_weights(context, site.inputs[1], weights, [&](const MemoryDesc& desc) -> Offer {
      const PrimitiveDesc primitive =
          convolution(context.engine, kind, free_format(dims_of(site.input(0).shape)), desc, bias,
                      free_format(dims_of(site.output().shape)), geometry, activation);
      if (is_opaque(primitive, DNNL_ARG_WEIGHTS)) return Refusal{"oneDNN would keep the weights transformed"};
      return plan_of(context, name, primitive, operands, DNNL_ARG_DST);
    });
  });
  Plan* const plan = std::get_if<Plan>(&offer);
  if (plan == nullptr || !activation) return offer;
  const std::string& function = site.ops[1].op->name;
  if (function == "sigmoid" && plan->implementation.find("gemm") != std::string::npos)
    return Refusal{"oneDNN's convolution by gemm makes a NaN 0 in its sigmoid"};
  promise(plan->accuracy, function);
  return offer;
}

Offer offer_grad_input(Context& context, const Site& site) {
  const Dims weights = weight_dims(site.input(1).shape, site.fields());
  const bool suits = fills_a_vector(site.output().shape) && pads_evenly(site.fields());
  return by_algorithm(context, suits, [&](algorithm kind) {
    return with_weights(context, site.inputs[1], weights, [&](const MemoryDesc& desc) -> Offer {
      const PrimitiveDesc primitive =
          convolution_backward_data(context.engine, kind, free_format(dims_of(site.output().shape)), desc,
                                    free_format(dims_of(site.input(0).shape)), geometry_of(site.fields()));
      if (is_opaque(primitive, DNNL_ARG_WEIGHTS)) return Refusal{"oneDNN would keep the weights transformed"};
      return plan_of(context, "conv2d_grad_input", primitive,
                     {{DNNL_ARG_DIFF_DST, Buffer::input(0)}, {DNNL_ARG_WEIGHTS, Buffer::input(1)}},
                     DNNL_ARG_DIFF_SRC);
    });
  });
}

Offer offer_grad_weight(Context& context, const Site& site) {
  const Dims weights = weight_dims(site.output().shape, site.fields());
  return by_algorithm(context, fills_a_vector(site.input(1).shape), [&](algorithm kind) -> Offer {
    const PrimitiveDesc primitive = convolution_backward_weights(
        context.engine, kind, free_format(dims_of(site.input(1).shape)), free_format(weights), MemoryDesc(),
        free_format(dims_of(site.input(0).shape)), geometry_of(site.fields()));
    if (is_opaque(primitive, DNNL_ARG_DIFF_WEIGHTS))
      return Refusal{"oneDNN would keep the weights transformed"};
    return plan_of(context, "conv2d_grad_weight", primitive,
                   {{DNNL_ARG_DIFF_DST, Buffer::input(0)}, {DNNL_ARG_SRC, Buffer::input(1)}},
                   DNNL_ARG_DIFF_WEIGHTS);
  });
}

}  // namespace

void add_convolution_kernels(KernelTable& kernels, Context& context) {
  kernels.add(
      "conv2d", [&context](const Site& site) { return offer_conv2d(context, site); }, "onednn");
  kernels.add(
      "conv2d_grad_input", [&context](const Site& site) { return offer_grad_input(context, site); },
      "onednn");
  kernels.add(
      "conv2d_grad_weight", [&context](const Site& site) { return offer_grad_weight(context, site); },
      "onednn");
}

}  // namespace assay::onednn
