// e: two convolutions of 5×5 with relu and 2×2 pooling, then dense layers. The tricks besides those of the
// dense layers: the library's convolutions in the layouts that they choose, every one of them resident; own
// pooling, which keeps one byte per window, whose backward pass goes through relu at once, and which stands
// between blocked channels and the rows of the first dense layer.
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "speed/dense_layers.h"

namespace assay::speed {
namespace {

using dnnl::memory;
using onednn::Dims;
using onednn::MemoryDesc;
using Dim = memory::dim;

constexpr Dim kLanes = 16;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;
const onednn::ConvolutionGeometry kValid{{1, 1}, {0, 0}, {0, 0}, {0, 0}};
const auto kF32 = memory::data_type::f32;

MemoryDesc free_format(const Dims& dims) { return {dims, kF32, memory::format_tag::any}; }
MemoryDesc blocked(const Dims& dims) { return {dims, kF32, memory::format_tag::nChw16c}; }
MemoryDesc rows(const Dims& dims) { return {dims, kF32, memory::format_tag::nchw}; }

// Pooling of 2×2 over blocked channels; the result is blocked, or the plain rows that a dense layer reads.
class Pooling {
 public:
  Pooling(const Dims& image, bool to_rows, int threads)
      : batch_(image[0]),
        channels_(image[1]),
        height_(image[2] / 2),
        width_(image[3] / 2),
        to_rows_(to_rows),
        threads_(threads),
        taps_(static_cast<std::size_t>(planes() * height_ * width_ * kLanes)) {}

  void forward(const float* x, float* y) {
#pragma omp parallel for num_threads(threads_) if (threads_ > 1)
    for (Dim plane = 0; plane < planes(); ++plane) {
      for (Dim h = 0; h < height_; ++h) {
        for (Dim w = 0; w < width_; ++w) pool(x, y, plane, h, w);
      }
    }
  }

  // dx = dy where y was taken from and is positive, else 0.
  void backward(const float* dy, const float* y, float* dx) {
#pragma omp parallel for num_threads(threads_) if (threads_ > 1)
    for (Dim plane = 0; plane < planes(); ++plane) {
      for (Dim h = 0; h < height_; ++h) {
        for (Dim w = 0; w < width_; ++w) spread(dy, y, dx, plane, h, w);
      }
    }
  }

 private:
  Dim planes() const { return batch_ * blocks(); }
  Dim blocks() const { return (channels_ + kLanes - 1) / kLanes; }
  // The first of the four pixels of a window, and the window.
  Dim pixel(Dim plane, Dim h, Dim w) const {
    return ((plane * 2 * height_ + 2 * h) * 2 * width_ + 2 * w) * kLanes;
  }
  Dim window(Dim plane, Dim h, Dim w) const { return ((plane * height_ + h) * width_ + w) * kLanes; }
  Dim row_place(Dim plane, Dim h, Dim w, Dim lane) const {
    const Dim image = plane / blocks(), channel = plane % blocks() * kLanes + lane;
    return ((image * channels_ + channel) * height_ + h) * width_ + w;
  }
  Dim lanes_of(Dim plane) const { return std::min(kLanes, channels_ - plane % blocks() * kLanes); }

  void pool(const float* x, float* y, Dim plane, Dim h, Dim w) {
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

  void spread(const float* dy, const float* y, float* dx, Dim plane, Dim h, Dim w) {
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

  Dim batch_, channels_, height_, width_;  // of the result
  bool to_rows_;
  int threads_;
  std::vector<std::uint8_t> taps_;
};

// A convolution with its parameters, forward with relu, and both derivatives.
class Convolution {
 public:
  Convolution(const dnnl::engine& engine, const StateStore& states, const std::string& name, Place& x,
              Place& y, Place* dx, Place& dy, int threads)
      : threads_(threads) {
    const Tensor weight = states.read(name + ".weight"), bias = states.read(name + ".bias");
    const Shape& s = weight.shape();
    const Dims dims{s[0], s[1], s[2], s[3]};
    const onednn::PrimitiveDesc forward =
        onednn::convolution(engine, kDirect, x.desc, free_format(dims), matrix_row(s[0]), y.desc, kValid,
                            onednn::Eltwise{dnnl::algorithm::eltwise_relu, 0, 0});
    weight_ = std::make_unique<Place>(onednn::argument_desc(forward, DNNL_ARG_WEIGHTS));
    bias_ = std::make_unique<Place>(matrix_row(s[0]));
    std::ranges::copy(bias.as<float>(), bias_->data());
    Place plain(rows(dims));
    std::ranges::copy(weight.as<float>(), plain.data());
    dnnl::stream stream(engine);
    reordering(engine, plain, *weight_)(stream);
    stream.wait();
    forward_.emplace_back(engine, forward,
                          std::vector<std::pair<int, Place*>>{{DNNL_ARG_SRC, &x},
                                                              {DNNL_ARG_WEIGHTS, weight_.get()},
                                                              {DNNL_ARG_BIAS, bias_.get()},
                                                              {DNNL_ARG_DST, &y}});
    const onednn::PrimitiveDesc by_weight = onednn::convolution_backward_weights(
        engine, kDirect, x.desc, free_format(dims), matrix_row(s[0]), dy.desc, kValid);
    step_ = std::make_unique<Place>(onednn::argument_desc(by_weight, DNNL_ARG_DIFF_WEIGHTS));
    bias_step_ = std::make_unique<Place>(matrix_row(s[0]));
    update_.emplace_back(engine, by_weight,
                         std::vector<std::pair<int, Place*>>{{DNNL_ARG_SRC, &x},
                                                             {DNNL_ARG_DIFF_DST, &dy},
                                                             {DNNL_ARG_DIFF_WEIGHTS, step_.get()},
                                                             {DNNL_ARG_DIFF_BIAS, bias_step_.get()}});
    if (step_->desc != weight_->desc) {
      step_as_weight_ = std::make_unique<Place>(weight_->desc);
      update_.push_back(reordering(engine, *step_, *step_as_weight_));
    }
    if (dx == nullptr) return;
    const onednn::PrimitiveDesc by_input =
        onednn::convolution_backward_data(engine, kDirect, dx->desc, free_format(dims), dy.desc, kValid);
    Place* weight_back = weight_.get();
    if (onednn::argument_desc(by_input, DNNL_ARG_WEIGHTS) != weight_->desc) {
      weight_back_ = std::make_unique<Place>(onednn::argument_desc(by_input, DNNL_ARG_WEIGHTS));
      weight_back = weight_back_.get();
      backward_.push_back(reordering(engine, *weight_, *weight_back_));
    }
    backward_.emplace_back(
        engine, by_input,
        std::vector<std::pair<int, Place*>>{
            {DNNL_ARG_DIFF_DST, &dy}, {DNNL_ARG_WEIGHTS, weight_back}, {DNNL_ARG_DIFF_SRC, dx}});
  }

  void forward(dnnl::stream& stream) { run(forward_, stream); }
  void backward(dnnl::stream& stream) { run(backward_, stream); }
  void update(dnnl::stream& stream) {
    run(update_, stream);
    const Place& step = step_as_weight_ ? *step_as_weight_ : *step_;
    add(weight_->data(), step.data(), static_cast<Dim>(weight_->desc.get_size() / sizeof(float)), threads_);
    add(bias_->data(), bias_step_->data(), static_cast<Dim>(bias_->desc.get_size() / sizeof(float)), 1);
  }

 private:
  static MemoryDesc matrix_row(Dim n) { return {{n}, kF32, memory::format_tag::x}; }
  static Call reordering(const dnnl::engine& engine, Place& from, Place& to) {
    return {
        engine, onednn::reorder(engine, from.desc, to.desc), {{DNNL_ARG_FROM, &from}, {DNNL_ARG_TO, &to}}};
  }
  static void run(const std::vector<Call>& calls, dnnl::stream& stream) {
    for (const Call& call : calls) call(stream);
  }

  int threads_;
  std::unique_ptr<Place> weight_, bias_, step_, bias_step_, step_as_weight_, weight_back_;
  std::vector<Call> forward_, backward_, update_;
};

class LeNet final : public HandWritten {
 public:
  LeNet(const Problem& problem, const StateStore& states, DenseWays ways)
      : batch_(problem.training_batch()),
        threads_((omp_threads(problem.threads()), problem.threads())),
        pool1_({batch_, 20, 24, 24}, false, threads_),
        pool2_({batch_, 50, 8, 8}, true, threads_),
        conv1_(engine_, states, "conv2d1", x_, y1_, nullptr, dy1_, threads_),
        conv2_(engine_, states, "conv2d2", p1_, y2_, &dp1_, dy2_, threads_),
        dense_(problem, states, ways, p2_, &dp2_) {
    std::ranges::copy(problem.data().train.inputs.as<float>(), x_.data());
  }

  void step() override {
    conv1_.forward(stream_);
    pool1_.forward(y1_.data(), p1_.data());
    conv2_.forward(stream_);
    pool2_.forward(y2_.data(), p2_.data());
    dense_.step();
    pool2_.backward(dp2_.data(), p2_.data(), dy2_.data());
    conv2_.backward(stream_);
    conv2_.update(stream_);
    pool1_.backward(dp1_.data(), p1_.data(), dy1_.data());
    conv1_.update(stream_);
    stream_.wait();
  }
  double loss() const override { return dense_.loss(); }

 private:
  static void omp_threads(int count) { omp_set_num_threads(count); }

  Dim batch_;
  int threads_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  Place x_{rows({batch_, 1, 28, 28})}, y1_{blocked({batch_, 20, 24, 24})}, dy1_{y1_.desc},
      p1_{blocked({batch_, 20, 12, 12})}, dp1_{p1_.desc}, y2_{blocked({batch_, 50, 8, 8})}, dy2_{y2_.desc},
      p2_{matrix(batch_, 800)}, dp2_{p2_.desc};
  Pooling pool1_, pool2_;
  Convolution conv1_, conv2_;
  DenseLayers dense_;
};

}  // namespace

std::vector<Variant> lenets(const Problem& problem, const StateStore& states) {
  std::vector<Variant> all;
  for (const auto& [name, ways] : dense_ways()) {
    all.push_back({"own pooling; " + name, [&problem, &states, ways = ways] {
                     return std::make_unique<LeNet>(problem, states, ways);
                   }});
  }
  return all;
}

}  // namespace assay::speed
