#include "speed/images.h"

#include <algorithm>
#include <cstring>

#include "speed/dense_layers.h"

namespace assay::speed {
namespace {

using dnnl::memory;
using onednn::Dims;
using onednn::MemoryDesc;
using Dim = memory::dim;
using Arguments = std::vector<std::pair<int, Place*>>;

constexpr Dim kLanes = 16;
const auto kF32 = memory::data_type::f32;

MemoryDesc free_format(const Dims& dims) { return {dims, kF32, memory::format_tag::any}; }
MemoryDesc row(Dim n) { return {{n}, kF32, memory::format_tag::x}; }

Dim floats_in(const Place& place) { return static_cast<Dim>(place.desc.get_size() / sizeof(float)); }

// A state in a place of its own.
std::unique_ptr<Place> placed(const StateStore& states, const std::string& name) {
  const Tensor value = states.read(name);
  auto place = std::make_unique<Place>(row(value.shape().count()));
  std::ranges::copy(value.as<float>(), place->data());
  return place;
}

Call reordering(const dnnl::engine& engine, Place& from, Place& to) {
  return {engine, onednn::reorder(engine, from.desc, to.desc), {{DNNL_ARG_FROM, &from}, {DNNL_ARG_TO, &to}}};
}

// By winograd where it is wanted, the library has it, and the weights stay in a layout that others can read.
template <class Make>
onednn::PrimitiveDesc by_algorithm(bool winograd, int weights, Make make) {
  if (winograd) {
    try {
      const onednn::PrimitiveDesc made = make(dnnl::algorithm::convolution_winograd);
      if (onednn::blocking_of(onednn::argument_desc(made, weights))) return made;
    } catch (const dnnl::error&) {
      // None for this geometry.
    }
  }
  return make(dnnl::algorithm::convolution_direct);
}

}  // namespace

MemoryDesc blocked_image(const Dims& dims) { return {dims, kF32, memory::format_tag::nChw16c}; }
MemoryDesc plain_image(const Dims& dims) { return {dims, kF32, memory::format_tag::nchw}; }

Pooling::Pooling(const Dims& image, bool to_rows, int threads)
    : batch_(image[0]),
      channels_(image[1]),
      height_(image[2] / 2),
      width_(image[3] / 2),
      to_rows_(to_rows),
      threads_(threads),
      taps_(static_cast<std::size_t>(planes() * height_ * width_ * kLanes)) {}

void Pooling::forward(const float* x, float* y) {
#pragma omp parallel for num_threads(threads_) if (threads_ > 1)
  for (Dim plane = 0; plane < planes(); ++plane) {
    for (Dim h = 0; h < height_; ++h) {
      for (Dim w = 0; w < width_; ++w) pool(x, y, plane, h, w);
    }
  }
}

void Pooling::backward(const float* dy, const float* y, float* dx) {
#pragma omp parallel for num_threads(threads_) if (threads_ > 1)
  for (Dim plane = 0; plane < planes(); ++plane) {
    for (Dim h = 0; h < height_; ++h) {
      for (Dim w = 0; w < width_; ++w) spread(dy, y, dx, plane, h, w);
    }
  }
}

memory::dim Pooling::blocks() const { return (channels_ + kLanes - 1) / kLanes; }

// The first of the four pixels of a window, and the window.
memory::dim Pooling::pixel(Dim plane, Dim h, Dim w) const {
  return ((plane * 2 * height_ + 2 * h) * 2 * width_ + 2 * w) * kLanes;
}

memory::dim Pooling::window(Dim plane, Dim h, Dim w) const {
  return ((plane * height_ + h) * width_ + w) * kLanes;
}

memory::dim Pooling::row_place(Dim plane, Dim h, Dim w, Dim lane) const {
  const Dim image = plane / blocks(), channel = plane % blocks() * kLanes + lane;
  return ((image * channels_ + channel) * height_ + h) * width_ + w;
}

memory::dim Pooling::lanes_of(Dim plane) const {
  return std::min(kLanes, channels_ - plane % blocks() * kLanes);
}

void Pooling::pool(const float* x, float* y, Dim plane, Dim h, Dim w) {
  const float* top = x + pixel(plane, h, w);
  const float* bottom = top + 2 * width_ * kLanes;
  float best[kLanes];
  std::uint8_t* taps = taps_.data() + window(plane, h, w);
#pragma omp simd
  for (Dim lane = 0; lane < kLanes; ++lane) {
    float most = top[lane];
    std::uint8_t tap = 0;
    tap = top[kLanes + lane] > most ? 1 : tap;
    most = top[kLanes + lane] > most ? top[kLanes + lane] : most;
    tap = bottom[lane] > most ? 2 : tap;
    most = bottom[lane] > most ? bottom[lane] : most;
    tap = bottom[kLanes + lane] > most ? 3 : tap;
    most = bottom[kLanes + lane] > most ? bottom[kLanes + lane] : most;
    best[lane] = most;
    taps[lane] = tap;
  }
  if (!to_rows_) {
    std::memcpy(y + window(plane, h, w), best, sizeof best);
    return;
  }
  for (Dim lane = 0; lane < lanes_of(plane); ++lane) y[row_place(plane, h, w, lane)] = best[lane];
}

void Pooling::spread(const float* dy, const float* y, float* dx, Dim plane, Dim h, Dim w) {
  float open[kLanes] = {};
  if (!to_rows_) {
    const Dim at = window(plane, h, w);
#pragma omp simd
    for (Dim lane = 0; lane < kLanes; ++lane) open[lane] = y[at + lane] > 0 ? dy[at + lane] : 0;
  } else {
    for (Dim lane = 0; lane < lanes_of(plane); ++lane) {
      const Dim at = row_place(plane, h, w, lane);
      open[lane] = y[at] > 0 ? dy[at] : 0;
    }
  }
  float* top = dx + pixel(plane, h, w);
  float* bottom = top + 2 * width_ * kLanes;
  const std::uint8_t* taps = taps_.data() + window(plane, h, w);
#pragma omp simd
  for (Dim lane = 0; lane < kLanes; ++lane) {
    top[lane] = taps[lane] == 0 ? open[lane] : 0;
    top[kLanes + lane] = taps[lane] == 1 ? open[lane] : 0;
    bottom[lane] = taps[lane] == 2 ? open[lane] : 0;
    bottom[kLanes + lane] = taps[lane] == 3 ? open[lane] : 0;
  }
}

Convolution::Convolution(const dnnl::engine& engine, const StateStore& states, const std::string& name,
                         Place& x, Place& y, Place* dx, Place& dy, const ConvolutionWays& ways, int threads)
    : threads_(threads) {
  const Tensor weight = states.read(name + ".weight");
  const Shape& s = weight.shape();
  const Dims dims{s[0], s[1], s[2], s[3]}, padding(2, ways.padding);
  const onednn::ConvolutionGeometry geometry{{1, 1}, {0, 0}, padding, padding};
  const bool has_bias = states.find(name + ".bias") != nullptr;
  const MemoryDesc bias = has_bias ? row(s[0]) : MemoryDesc();
  std::optional<onednn::Eltwise> relu;
  if (ways.relu) relu = onednn::Eltwise{dnnl::algorithm::eltwise_relu, 0, 0};

  const onednn::PrimitiveDesc forward = by_algorithm(ways.winograd, DNNL_ARG_WEIGHTS, [&](auto algorithm) {
    return onednn::convolution(engine, algorithm, x.desc, free_format(dims), bias, y.desc, geometry, relu);
  });
  weight_ = std::make_unique<Place>(onednn::argument_desc(forward, DNNL_ARG_WEIGHTS));
  Place plain(plain_image(dims));
  std::ranges::copy(weight.as<float>(), plain.data());
  dnnl::stream stream(engine);
  reordering(engine, plain, *weight_)(stream);
  stream.wait();
  Arguments read{{DNNL_ARG_SRC, &x}, {DNNL_ARG_WEIGHTS, weight_.get()}, {DNNL_ARG_DST, &y}};

  const onednn::PrimitiveDesc by_weight =
      by_algorithm(ways.winograd_weights, DNNL_ARG_DIFF_WEIGHTS, [&](auto algorithm) {
        return onednn::convolution_backward_weights(engine, algorithm, x.desc, free_format(dims), bias,
                                                    dy.desc, geometry);
      });
  step_ = std::make_unique<Place>(onednn::argument_desc(by_weight, DNNL_ARG_DIFF_WEIGHTS));
  Arguments made{{DNNL_ARG_SRC, &x}, {DNNL_ARG_DIFF_DST, &dy}, {DNNL_ARG_DIFF_WEIGHTS, step_.get()}};

  if (has_bias) {
    bias_ = placed(states, name + ".bias");
    bias_step_ = std::make_unique<Place>(bias_->desc);
    read.emplace_back(DNNL_ARG_BIAS, bias_.get());
    made.emplace_back(DNNL_ARG_DIFF_BIAS, bias_step_.get());
  }
  forward_.emplace_back(engine, forward, read);
  update_.emplace_back(engine, by_weight, made);
  if (step_->desc != weight_->desc) {
    step_as_weight_ = std::make_unique<Place>(weight_->desc);
    update_.push_back(reordering(engine, *step_, *step_as_weight_));
  }
  if (dx == nullptr) return;
  const onednn::PrimitiveDesc by_input = by_algorithm(ways.winograd, DNNL_ARG_WEIGHTS, [&](auto algorithm) {
    return onednn::convolution_backward_data(engine, algorithm, dx->desc, free_format(dims), dy.desc,
                                             geometry);
  });
  Place* weight_back = weight_.get();
  if (onednn::argument_desc(by_input, DNNL_ARG_WEIGHTS) != weight_->desc) {
    weight_back_ = std::make_unique<Place>(onednn::argument_desc(by_input, DNNL_ARG_WEIGHTS));
    weight_back = weight_back_.get();
    backward_.push_back(reordering(engine, *weight_, *weight_back_));
  }
  backward_.emplace_back(
      engine, by_input,
      Arguments{{DNNL_ARG_DIFF_DST, &dy}, {DNNL_ARG_WEIGHTS, weight_back}, {DNNL_ARG_DIFF_SRC, dx}});
}

void Convolution::update(dnnl::stream& stream) {
  run(update_, stream);
  const Place& step = step_as_weight_ ? *step_as_weight_ : *step_;
  add(weight_->data(), step.data(), floats_in(*weight_), threads_);
  if (bias_) add(bias_->data(), bias_step_->data(), floats_in(*bias_), 1);
}

void Convolution::run(const std::vector<Call>& calls, dnnl::stream& stream) {
  for (const Call& call : calls) call(stream);
}

BatchNormalization::BatchNormalization(const dnnl::engine& engine, const StateStore& states,
                                       const std::string& name, double momentum, double epsilon, Place& x,
                                       Place& y, Place& dx, Place& dy)
    : momentum_(static_cast<float>(momentum)) {
  scale_ = placed(states, name + ".weight");
  shift_ = placed(states, name + ".bias");
  running_mean_ = placed(states, name + ".running_mean");
  running_variance_ = placed(states, name + ".running_var");
  channels_ = floats_in(*scale_);
  const auto count = static_cast<float>(floats_in(x) / channels_);
  unbiased_ = count / (count - 1);
  for (std::unique_ptr<Place>* place : {&mean_, &variance_, &scale_step_, &shift_step_})
    *place = std::make_unique<Place>(scale_->desc);
  const auto ahead =
      onednn::batch_normalization(engine, false, x.desc, static_cast<float>(epsilon), /*relu=*/true);
  const auto back =
      onednn::batch_normalization_backward(engine, x.desc, static_cast<float>(epsilon), /*relu=*/true);
  positive_ = std::make_unique<Place>(onednn::argument_desc(ahead, DNNL_ARG_WORKSPACE));
  forward_ = std::make_unique<Call>(engine, ahead,
                                    Arguments{{DNNL_ARG_SRC, &x},
                                              {DNNL_ARG_SCALE, scale_.get()},
                                              {DNNL_ARG_SHIFT, shift_.get()},
                                              {DNNL_ARG_DST, &y},
                                              {DNNL_ARG_MEAN, mean_.get()},
                                              {DNNL_ARG_VARIANCE, variance_.get()},
                                              {DNNL_ARG_WORKSPACE, positive_.get()}});
  // The shift has no part in the derivative, yet the primitive insists on being given one.
  backward_ = std::make_unique<Call>(engine, back,
                                     Arguments{{DNNL_ARG_DIFF_DST, &dy},
                                               {DNNL_ARG_SRC, &x},
                                               {DNNL_ARG_SCALE, scale_.get()},
                                               {DNNL_ARG_SHIFT, shift_.get()},
                                               {DNNL_ARG_MEAN, mean_.get()},
                                               {DNNL_ARG_VARIANCE, variance_.get()},
                                               {DNNL_ARG_WORKSPACE, positive_.get()},
                                               {DNNL_ARG_DIFF_SRC, &dx},
                                               {DNNL_ARG_DIFF_SCALE, scale_step_.get()},
                                               {DNNL_ARG_DIFF_SHIFT, shift_step_.get()}});
}

void BatchNormalization::forward(dnnl::stream& stream) {
  (*forward_)(stream);
  for (Dim c = 0; c < channels_; ++c) {
    running_mean_->data()[c] += momentum_ * (mean_->data()[c] - running_mean_->data()[c]);
    running_variance_->data()[c] +=
        momentum_ * (unbiased_ * variance_->data()[c] - running_variance_->data()[c]);
  }
}

void BatchNormalization::update() {
  add(scale_->data(), scale_step_->data(), channels_, 1);
  add(shift_->data(), shift_step_->data(), channels_, 1);
}

}  // namespace assay::speed
