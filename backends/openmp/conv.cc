// Offers for conv2d, with or without an activation behind it, and its two gradients.
#include <iterator>
#include <utility>

#include "backends/openmp/offers.h"
#include "backends/openmp/scatter.h"
#include "backends/openmp/windows.h"
#include "backends/reference/winograd.h"

namespace assay::openmp {
namespace {

// Whether every window is the pixel at its own place, so that the order of pixels may be forgotten.
bool is_pointwise(const Axis& axis) {
  return axis.taps == 1 && axis.stride == 1 && axis.before == 0 && axis.output == axis.input;
}

// x [N, C, H, W], weight [O, C / groups, kh, kw].
Convolution convolution_of(const Fields& fields, const Shape& x, const Shape& weight) {
  const Window window = convolution_window(x, weight[2], weight[3], fields);
  const std::int64_t groups = fields.integer("groups");
  Convolution shape{.images = x[0],
                    .groups = groups,
                    .channels = weight[1],
                    .filters = weight[0] / groups,
                    .height = axis_of(window.height),
                    .width = axis_of(window.width)};
  if (is_pointwise(shape.height) && is_pointwise(shape.width)) {
    const Axis one{.input = 1, .output = 1, .taps = 1, .stride = 1, .dilation = 1, .before = 0};
    const std::int64_t pixels = x[2] * x[3];
    shape.height = shape.width = one;
    shape.width.input = shape.width.output = pixels;
  }
  return shape;
}

template <class Kernel>
Plan finish_plan(std::string implementation, std::size_t scratch_bytes, Kernel kernel) {
  Plan plan = make_plan(std::move(implementation), std::move(kernel));
  plan.scratch_bytes = scratch_bytes;
  return plan;
}

template <class Cut, class T>
std::string way_of(const Cut& cut, const Target<T>& target) {
  return target.implementation(cut.direct ? "direct_conv" : "implicit_gemm");
}

const MinimalFiltering& filtering_4x3() {
  static const MinimalFiltering filtering{4, {std::begin(kFilteringPoints), std::end(kFilteringPoints)}};
  return filtering;
}

template <class T>
bool by_winograd(const Convolution& s, const Target<T>& target) {
  const auto suits = [](const Axis& axis) {
    return axis.taps == 3 && axis.stride == 1 && axis.dilation == 1 && axis.output > 0;
  };
  return s.groups == 1 && suits(s.height) && suits(s.width) && target.kernels.winograd_pays(s);
}

template <class T>
Plan plan_winograd(const Convolution& shape, bool turned, bool biased, Activation activation,
                   const Target<T>& target) {
  const WinogradPlan cut = target.kernels.plan_winograd(shape, turned, target.threads);
  Plan plan = finish_plan(target.implementation("winograd"), cut.scratch_bytes,
                          [cut, biased, activation, run = target.kernels.winograd](const Io& io) {
                            Epilogue<T> epilogue{.activation = activation};
                            if (biased) {
                              epilogue.bias = io.in<T>(2);
                              epilogue.axis = BiasAxis::row;
                            }
                            run(cut, io.in<T>(0), io.in<T>(1), epilogue, io.out<T>(0), io.scratch);
                          });
  plan.accuracy.algebra = winograd(filtering_4x3());
  return plan;
}

// As a convolution of dy.
Convolution turned(const Convolution& s) {
  const auto axis = [](Axis a) {
    std::swap(a.input, a.output);
    a.before = a.taps - 1 - a.before;
    return a;
  };
  Convolution t = s;
  std::swap(t.channels, t.filters);
  t.height = axis(s.height);
  t.width = axis(s.width);
  return t;
}

template <class T>
Plan plan_conv2d(const Site& site, const Target<T>& target, bool rewrites) {
  const Convolution shape = convolution_of(site.fields(), site.input(0).shape, site.input(1).shape);
  const bool biased = site.ops.front().inputs.size() == 3;
  if (rewrites && by_winograd(shape, target)) {
    Plan plan = plan_winograd(shape, false, biased, fused_activation(site), target);
    describe_fusion(site, plan);
    return plan;
  }
  const ConvolutionPlan cut = target.kernels.plan_conv2d(shape, target.threads);
  Plan plan = finish_plan(
      way_of(cut, target), cut.scratch_bytes,
      [cut, biased, run = target.kernels.conv2d, activation = fused_activation(site)](const Io& io) {
        Epilogue<T> epilogue{.activation = activation};
        if (biased) {
          epilogue.bias = io.in<T>(2);
          epilogue.axis = BiasAxis::row;
        }
        run(cut, io.in<T>(0), io.in<T>(1), epilogue, io.out<T>(0), io.scratch);
      });
  describe_fusion(site, plan);
  return plan;
}

template <class T>
Plan plan_grad_input(const Site& site, const Target<T>& target, bool rewrites) {
  const Convolution shape = convolution_of(site.fields(), site.output().shape, site.input(1).shape);
  if (const Convolution of_dy = turned(shape); rewrites && by_winograd(of_dy, target))
    return plan_winograd(of_dy, true, false, {}, target);
  const ConvolutionPlan cut = target.kernels.plan_conv2d_grad_input(shape, target.threads);
  const bool scattered = !cut.direct && is_scattered(shape);
  return finish_plan(scattered ? target.implementation("gemm_scatter") : way_of(cut, target),
                     cut.scratch_bytes, [cut, run = target.kernels.conv2d_grad_input](const Io& io) {
                       run(cut, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
                     });
}

template <class T>
Plan plan_grad_weight(const Site& site, const Target<T>& target, bool rewrites) {
  const Convolution shape = convolution_of(site.fields(), site.input(1).shape, site.output().shape);
  Convolution swapped = shape;  // vectors run over channels
  std::swap(swapped.channels, swapped.filters);
  if (rewrites && by_winograd(swapped, target)) {
    const WinogradPlan cut = target.kernels.plan_winograd_grad_weight(shape, target.threads);
    Plan plan = finish_plan(target.implementation("winograd"), cut.scratch_bytes,
                            [cut, run = target.kernels.winograd_grad_weight](const Io& io) {
                              run(cut, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
                            });
    plan.accuracy.algebra = winograd(filtering_4x3());
    return plan;
  }
  const WeightGradPlan cut = target.kernels.plan_conv2d_grad_weight(shape, target.threads);
  return finish_plan(way_of(cut, target), cut.scratch_bytes,
                     [cut, run = target.kernels.conv2d_grad_weight](const Io& io) {
                       run(cut, io.in<T>(0), io.in<T>(1), io.out<T>(0), io.scratch);
                     });
}

}  // namespace

void add_conv_offers(Offers& offers, bool winograd) {
  offers.add("conv2d",
             [winograd]<class T>(const Site& s, const Target<T>& t) { return plan_conv2d(s, t, winograd); });
  offers.add("conv2d_grad_input", [winograd]<class T>(const Site& s, const Target<T>& t) {
    return plan_grad_input(s, t, winograd);
  });
  offers.add("conv2d_grad_weight", [winograd]<class T>(const Site& s, const Target<T>& t) {
    return plan_grad_weight(s, t, winograd);
  });
}

}  // namespace assay::openmp
