#include "assay/ops/conv.h"

#include <fmt/format.h>

#include <array>

#include "assay/core/error.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/operands.h"
#include "assay/ops/reduce.h"
#include "assay/ops/window.h"

namespace assay {
namespace {

std::vector<FieldDef> convolution_fields() {
  return {stride_field(),
          padding_field(),
          {.name = "dilation",
           .kind = FieldKind::pair,
           .summary = "from tap to tap, [height, width]",
           .fallback = std::vector<std::int64_t>{1, 1},
           .minimum = 1,
           .maximum = 2147483647},
          {.name = "groups",
           .kind = FieldKind::integer,
           .summary = "input channels are split into so many groups, each seen by its own filters",
           .fallback = std::int64_t{1},
           .minimum = 1}};
}

// The fields that all three ops share, out of any one's.
Fields convolution_only(const Fields& fields) {
  Fields shared;
  for (const FieldDef& def : convolution_fields()) shared.set(def.name, *fields.find(def.name));
  return shared;
}

// The shape of conv2d's result, and the place of every check on how image and filters fit.
Shape convolved(const Shape& x, const Shape& weight, const Fields& fields) {
  const std::int64_t groups = fields.integer("groups"), channels = x[1], filters = weight[0];
  if (channels % groups != 0 || filters % groups != 0) {
    throw Error(fmt::format("{} groups do not divide the {} channels of x {} and the {} filters of weight {}",
                            groups, channels, x.to_string(), filters, weight.to_string()))
        .help("groups must divide both");
  }
  if (weight[1] != channels / groups) {
    throw Error(fmt::format("x {} has {} channels in {} group{}, but weight {} takes {} per group",
                            x.to_string(), channels, groups, groups == 1 ? "" : "s", weight.to_string(),
                            weight[1]))
        .help(fmt::format("weight [filters, channels / groups, height, width] would be [{}, {}, {}, {}]",
                          filters, channels / groups, weight[2], weight[3]));
  }
  const Window window = convolution_window(x, weight[2], weight[3], fields);
  return Shape{x[0], filters, window.height.output, window.width.output};
}

void require_same_dtype(std::string_view a_name, const Spec& a, std::string_view b_name, const Spec& b) {
  if (a.dtype != b.dtype) {
    throw Error(fmt::format("{} is {} and {} is {}: both must have one dtype", a_name, a.to_string(), b_name,
                            b.to_string()));
  }
}

std::vector<Spec> infer_conv2d(const Call& call) {
  const Spec& x = call.inputs[0];
  const Spec& weight = call.inputs[1];
  require_image("x", x, "[N, C, H, W]");
  require_image("weight", weight, "[O, C / groups, kh, kw]");
  require_same_dtype("x", x, "weight", weight);
  const Shape y = convolved(x.shape, weight.shape, call.fields);
  if (call.inputs.size() == 3) {
    require_spec("bias", call.inputs[2], {x.dtype, Shape{weight.shape[0]}}, "one number per filter");
  }
  return {{x.dtype, y}};
}

std::vector<Spec> infer_grad_input(const Call& call) {
  const Spec& dy = call.inputs[0];
  const Spec& weight = call.inputs[1];
  require_image("dy", dy, "[N, O, H', W']");
  require_image("weight", weight, "[O, C / groups, kh, kw]");
  const Spec dx{dy.dtype, Shape(call.fields.integers("input"))};
  require_image("field 'input'", dx, "[N, C, H, W]");
  require_same_dtype("dy", dy, "weight", weight);
  require_spec("dy", dy, {dy.dtype, convolved(dx.shape, weight.shape, call.fields)},
               fmt::format("conv2d of {} with weight {} gives that", dx.to_string(), weight.to_string()));
  return {dx};
}

std::vector<Spec> infer_grad_weight(const Call& call) {
  const Spec& dy = call.inputs[0];
  const Spec& x = call.inputs[1];
  require_image("dy", dy, "[N, O, H', W']");
  require_image("x", x, "[N, C, H, W]");
  require_same_dtype("dy", dy, "x", x);
  const auto& kernel = call.fields.integers("kernel");
  const std::int64_t groups = call.fields.integer("groups");
  const Spec dweight{dy.dtype, Shape{dy.shape[1], x.shape[1] / groups, kernel[0], kernel[1]}};
  require_spec(
      "dy", dy, {dy.dtype, convolved(x.shape, dweight.shape, call.fields)},
      fmt::format("conv2d of {} with a weight of {} gives that", x.to_string(), dweight.to_string()));
  return {dweight};
}

// y is linear in x, in w and in b. With ⟨·, ·⟩ the inner product over all elements,
// ⟨dy, conv(x, w)⟩ = ⟨grad_input(dy, w), x⟩ = ⟨grad_weight(dy, x), w⟩: each op is the adjoint of the others,
// and the three rules below are this line read three times.
void derivative_of_conv2d(Vjp& d) {
  const Value x = d.input(0), weight = d.input(1), dy = d.cotangent();
  const Shape& w = weight.shape();
  if (d.wanted(0)) d.add(0, conv2d_grad_input(dy, weight, x.shape(), d.fields()));
  if (d.wanted(1)) d.add(1, conv2d_grad_weight(dy, x, w[2], w[3], d.fields()));
  if (d.input_count() == 3 && d.wanted(2)) d.add(2, sum(dy, {0, 2, 3}));
}

void derivative_of_grad_input(Vjp& d) {
  const Value dy = d.input(0), weight = d.input(1), g = d.cotangent();
  const Fields fields = convolution_only(d.fields());
  const Shape& w = weight.shape();
  if (d.wanted(0)) d.add(0, conv2d(g, weight, {}, fields));
  if (d.wanted(1)) d.add(1, conv2d_grad_weight(dy, g, w[2], w[3], fields));
}

void derivative_of_grad_weight(Vjp& d) {
  const Value dy = d.input(0), x = d.input(1), g = d.cotangent();
  const Fields fields = convolution_only(d.fields());
  if (d.wanted(0)) d.add(0, conv2d(x, g, {}, fields));
  if (d.wanted(1)) d.add(1, conv2d_grad_input(dy, g, x.shape(), fields));
}

// One geometry, from which a case of each of the three ops is made.
struct Geometry {
  std::string label;
  std::array<std::int64_t, 4> x{2, 3, 5, 7};
  std::int64_t filters = 2;
  std::array<std::int64_t, 2> kernel{3, 3};
  std::vector<std::int64_t> stride{1, 1};
  std::vector<std::int64_t> padding{0, 0, 0, 0};
  std::vector<std::int64_t> dilation{1, 1};
  std::int64_t groups = 1;
  bool bias = true;
};

std::vector<Geometry> geometries() {
  std::vector<Geometry> all;
  const auto put = [&](Geometry g) { all.push_back(std::move(g)); };
  // Each extent around the widths of vector registers, the others prime and distinct.
  for (std::int64_t n : {1, 7, 8, 9, 15, 16, 17, 31, 33}) {
    put({.label = fmt::format("width {}", n), .x = {1, 2, 5, n}, .filters = 3, .padding = {1, 1, 1, 1}});
    put({.label = fmt::format("output width {}", n), .x = {2, 2, 3, n + 1}, .filters = 3, .kernel = {3, 2}});
    put({.label = fmt::format("{} input channels", n), .x = {1, n, 5, 3}, .filters = 2, .bias = false});
    put({.label = fmt::format("{} filters", n), .x = {1, 2, 3, 5}, .filters = n});
  }
  // Whole vectors of channels under several tiles of pixels, where algorithms for large networks begin.
  put({.label = "16 channels, 6x7", .x = {2, 16, 6, 7}, .filters = 2, .padding = {1, 1, 1, 1}});
  put({.label = "33 channels, 5x9", .x = {1, 33, 5, 9}, .filters = 2, .padding = {1, 0, 0, 1}});
  for (const auto& [kh, kw] : std::initializer_list<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {1, 3}, {3, 1}, {2, 2}, {4, 3}, {5, 7}, {5, 2}}) {
    put({.label = fmt::format("kernel {}x{}", kh, kw), .filters = 4, .kernel = {kh, kw}});
  }
  put({.label = "kernel over image and padding", .kernel = {7, 11}, .padding = {1, 1, 2, 2}});
  for (const auto& [sh, sw] : std::initializer_list<std::pair<std::int64_t, std::int64_t>>{
           {1, 2}, {2, 1}, {2, 2}, {3, 2}, {4, 5}, {7, 9}}) {
    put({.label = fmt::format("stride {}x{}", sh, sw), .x = {2, 3, 11, 13}, .stride = {sh, sw}});
    put({.label = fmt::format("stride {}x{}, padded", sh, sw),
         .x = {1, 3, 10, 12},
         .stride = {sh, sw},
         .padding = {1, 1, 1, 1}});
  }
  for (const auto& [side, padding] :
       std::initializer_list<std::pair<const char*, std::vector<std::int64_t>>>{{"top", {1, 0, 0, 0}},
                                                                                {"bottom", {0, 2, 0, 0}},
                                                                                {"left", {0, 0, 1, 0}},
                                                                                {"right", {0, 0, 0, 2}}}) {
    put({.label = fmt::format("kernel 1x1, padded at the {}", side), .kernel = {1, 1}, .padding = padding});
  }
  put({.label = "kernel 1x1, stride 2", .x = {2, 3, 7, 8}, .kernel = {1, 1}, .stride = {2, 2}});
  put({.label = "padding asymmetric", .padding = {0, 1, 2, 3}});
  put({.label = "padding at the top and left", .padding = {2, 0, 1, 0}});
  put({.label = "padding at the bottom and right", .padding = {0, 2, 0, 1}});
  put({.label = "padding as wide as the kernel", .padding = {3, 3, 3, 3}});
  put({.label = "padding wider than the kernel", .kernel = {2, 3}, .padding = {4, 3, 5, 4}});
  put({.label = "padding asymmetric, strided",
       .x = {2, 3, 7, 11},
       .kernel = {3, 4},
       .stride = {2, 3},
       .padding = {1, 0, 0, 2}});
  put({.label = "same, stride 2, as TensorFlow pads",
       .x = {1, 3, 8, 8},
       .stride = {2, 2},
       .padding = {0, 1, 0, 1}});
  put({.label = "one row of windows, in the padding",
       .x = {2, 3, 5, 48},
       .kernel = {1, 1},
       .stride = {9, 1},
       .padding = {2, 0, 0, 0}});
  put({.label = "dilation 2x1", .x = {2, 3, 7, 5}, .dilation = {2, 1}});
  put({.label = "dilation 1x3", .x = {2, 3, 5, 11}, .dilation = {1, 3}});
  put({.label = "dilation 2x3, strided, padded",
       .x = {2, 3, 11, 13},
       .stride = {3, 2},
       .padding = {2, 1, 3, 0},
       .dilation = {2, 3}});
  // Settings of the two axes that, exchanged, give a result of the same shape.
  put({.label = "square, all settings of one axis",
       .x = {2, 3, 9, 9},
       .stride = {4, 5},
       .padding = {0, 1, 1, 0},
       .dilation = {2, 1}});
  put({.label = "dilation of one tap", .kernel = {1, 1}, .dilation = {5, 7}});
  put({.label = "dilation past the image", .x = {1, 2, 3, 3}, .padding = {4, 4, 4, 4}, .dilation = {5, 5}});
  put({.label = "2 groups", .x = {2, 6, 5, 7}, .filters = 10, .groups = 2});
  put({.label = "3 groups",
       .x = {2, 9, 5, 7},
       .filters = 6,
       .padding = {1, 0, 0, 1},
       .groups = 3,
       .bias = false});
  put({.label = "2 groups of several channels, strided",
       .x = {2, 6, 7, 9},
       .filters = 10,
       .stride = {2, 3},
       .padding = {1, 0, 0, 2},
       .groups = 2});
  put({.label = "groups of one channel to two filters", .x = {2, 5, 4, 7}, .filters = 10, .groups = 5});
  for (std::int64_t n : {1, 7, 8, 9, 17}) {
    put({.label = fmt::format("depthwise, {} channels", n),
         .x = {2, n, 5, 7},
         .filters = n,
         .padding = {1, 1, 1, 1},
         .groups = n});
  }
  put({.label = "depthwise, strided, dilated",
       .x = {2, 3, 9, 11},
       .filters = 3,
       .stride = {2, 3},
       .padding = {0, 2, 1, 0},
       .dilation = {2, 1},
       .groups = 3});
  // All settings at once.
  put({.label = "2 groups, dilated, padded",
       .x = {2, 6, 9, 11},
       .filters = 4,
       .padding = {1, 2, 0, 3},
       .dilation = {2, 3},
       .groups = 2});
  put({.label = "3 groups, strided, dilated, padded",
       .x = {2, 9, 11, 9},
       .filters = 6,
       .kernel = {2, 3},
       .stride = {3, 2},
       .padding = {2, 0, 1, 2},
       .dilation = {3, 2},
       .groups = 3});
  put({.label = "2 groups of whole vectors, dilated",
       .x = {1, 32, 7, 9},
       .filters = 32,
       .dilation = {2, 2},
       .groups = 2});
  put({.label = "one pixel", .x = {1, 1, 1, 1}, .filters = 1, .kernel = {1, 1}});
  put({.label = "one pixel, padded", .x = {1, 2, 1, 1}, .filters = 3, .padding = {1, 1, 1, 1}});
  put({.label = "one row", .x = {3, 2, 1, 17}, .kernel = {1, 5}});
  put({.label = "one column", .x = {3, 2, 17, 1}, .kernel = {5, 1}});
  put({.label = "batch of 7", .x = {7, 2, 5, 3}, .filters = 5});
  put({.label = "empty batch", .x = {0, 3, 5, 7}});
  put({.label = "no filters", .filters = 0});
  put({.label = "no channels", .x = {2, 0, 5, 7}});
  put({.label = "image 28x28", .x = {2, 1, 28, 28}, .filters = 4, .padding = {1, 1, 1, 1}});
  // Many terms, and many filters.
  put({.label = "67 input channels, kernel 3x3", .x = {1, 67, 4, 3}, .filters = 5, .padding = {1, 1, 1, 1}});
  put({.label = "269 filters", .x = {1, 2, 3, 5}, .filters = 269});
  put({.label = "3 channels, 260 filters, strided",
       .x = {1, 3, 6, 6},
       .filters = 260,
       .stride = {2, 2},
       .padding = {1, 1, 1, 1}});
  // Whole vectors of channels and of filters, which algorithms that rewrite the sum ask for.
  put({.label = "16 channels, 16 filters", .x = {1, 16, 6, 7}, .filters = 16, .padding = {1, 1, 1, 1}});
  put({.label = "16 channels, 32 filters", .x = {2, 16, 5, 9}, .filters = 32, .bias = false});
  // And other numbers of them, where these are still worth it.
  put({.label = "10 channels, 11 filters", .x = {1, 10, 12, 16}, .filters = 11, .padding = {1, 1, 1, 1}});
  put({.label = "19 channels, 21 filters", .x = {1, 19, 8, 8}, .filters = 21, .padding = {2, 0, 0, 2}});
  put({.label = "16 channels, 67 filters", .x = {1, 16, 4, 4}, .filters = 67, .padding = {1, 1, 1, 1}});
  put({.label = "67 channels, 16 filters", .x = {1, 67, 4, 4}, .filters = 16, .padding = {1, 1, 1, 1}});
  put({.label = "16 channels, padded by more than a window",
       .x = {1, 16, 4, 4},
       .filters = 16,
       .padding = {4, 3, 3, 5}});
  return all;
}

enum class ConvolutionRole { forward, grad_input, grad_weight };

std::vector<Case> convolution_cases(ConvolutionRole role) {
  std::vector<Case> cases;
  for (const Geometry& g : geometries()) {
    Fields fields{
        {"stride", g.stride}, {"padding", g.padding}, {"dilation", g.dilation}, {"groups", g.groups}};
    const Shape x(g.x), weight{g.filters, g.x[1] / g.groups, g.kernel[0], g.kernel[1]};
    const Shape y = convolved(x, weight, fields);
    Case c{g.label, {}, std::move(fields)};
    switch (role) {
      case ConvolutionRole::forward:
        c.inputs = {{x}, {weight}};
        if (g.bias) c.inputs.push_back({Shape{g.filters}});
        break;
      case ConvolutionRole::grad_input:
        c.inputs = {{y}, {weight}};
        c.fields.set("input", to_integers(x));
        break;
      case ConvolutionRole::grad_weight:
        c.inputs = {{y}, {x}};
        c.fields.set("kernel", std::vector<std::int64_t>{g.kernel[0], g.kernel[1]});
        break;
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

// Every output pixel (of the forward op) with every tap of every channel of its group, those in the padding
// included.
double convolution_work(const Spec& y, const Shape& weight) {
  return static_cast<double>(y.count() * weight.count(1, weight.rank()));
}

OpDef convolution(std::string name, std::string formula, std::vector<std::string> inputs,
                  std::string output) {
  OpDef op;
  op.name = std::move(name);
  op.formula = std::move(formula);
  op.inputs = std::move(inputs);
  op.outputs = {std::move(output)};
  op.fields = convolution_fields();
  op.polynomial = true;
  return op;
}

}  // namespace

Value conv2d(Value x, Value weight, Value bias, const Fields& fields) {
  if (bias) return x.graph().apply("conv2d", {x, weight, bias}, fields);
  return x.graph().apply("conv2d", {x, weight}, fields);
}

Value conv2d_grad_input(Value dy, Value weight, const Shape& input, const Fields& fields) {
  return dy.graph().apply("conv2d_grad_input", {dy, weight}, Fields(fields).set("input", to_integers(input)));
}

Value conv2d_grad_weight(Value dy, Value x, std::int64_t kernel_height, std::int64_t kernel_width,
                         const Fields& fields) {
  const std::vector<std::int64_t> kernel{kernel_height, kernel_width};
  return dy.graph().apply("conv2d_grad_weight", {dy, x}, Fields(fields).set("kernel", kernel));
}

void register_conv_ops(OpTable& ops, const std::string& owner) {
  OpDef forward =
      convolution("conv2d", "y_noij = Σ_cpq w_ocpq x_nchw + b_o, h = i·s + p·d − top, w = j·s + q·d − left",
                  {"x", "weight", "bias?"}, "y");
  forward.infer = infer_conv2d;
  forward.derivative = derivative_of_conv2d;
  forward.cases = [] { return convolution_cases(ConvolutionRole::forward); };
  forward.multiply_adds = [](const Call& call, std::span<const Spec> outputs) {
    return convolution_work(outputs[0], call.inputs[1].shape);
  };
  add_op(ops, std::move(forward), owner);

  OpDef by_input = convolution("conv2d_grad_input",
                               "dx_nchw = Σ_opq w_ocpq dy_noij where (i, p) reads h and (j, q) reads w",
                               {"dy", "weight"}, "dx");
  by_input.fields.push_back({.name = "input",
                             .kind = FieldKind::integers,
                             .summary = "shape of x, [N, C, H, W]",
                             .required = true,
                             .minimum = 0});
  by_input.infer = infer_grad_input;
  by_input.derivative = derivative_of_grad_input;
  by_input.cases = [] { return convolution_cases(ConvolutionRole::grad_input); };
  by_input.multiply_adds = [](const Call& call, std::span<const Spec>) {
    return convolution_work(call.inputs[0], call.inputs[1].shape);
  };
  add_op(ops, std::move(by_input), owner);

  OpDef by_weight = convolution("conv2d_grad_weight",
                                "dw_ocpq = Σ_nij dy_noij x_nchw, h = i·s + p·d − top, w = j·s + q·d − left",
                                {"dy", "x"}, "dweight");
  by_weight.fields.push_back({.name = "kernel",
                              .kind = FieldKind::pair,
                              .summary = "[height, width] of the weight",
                              .required = true,
                              .minimum = 1});
  by_weight.infer = infer_grad_weight;
  by_weight.derivative = derivative_of_grad_weight;
  by_weight.cases = [] { return convolution_cases(ConvolutionRole::grad_weight); };
  by_weight.multiply_adds = [](const Call& call, std::span<const Spec> outputs) {
    return convolution_work(call.inputs[0], outputs[0].shape);
  };
  add_op(ops, std::move(by_weight), owner);
}

}  // namespace assay
