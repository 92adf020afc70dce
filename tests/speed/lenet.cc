// e: two convolutions of 5×5 with relu and 2×2 pooling, then dense layers.
#include <omp.h>

#include <algorithm>

#include "speed/dense_layers.h"
#include "speed/images.h"

namespace assay::speed {
namespace {

using Dim = dnnl::memory::dim;

constexpr ConvolutionWays kWays{.relu = true};

class LeNet final : public HandWritten {
 public:
  LeNet(const Problem& problem, const StateStore& states, DenseWays ways)
      : batch_(problem.training_batch()),
        threads_((omp_threads(problem.threads()), problem.threads())),
        pool1_({batch_, 20, 24, 24}, false, threads_),
        pool2_({batch_, 50, 8, 8}, true, threads_),
        conv1_(engine_, states, "conv2d1", x_, y1_, nullptr, dy1_, kWays, threads_),
        conv2_(engine_, states, "conv2d2", p1_, y2_, &dp1_, dy2_, kWays, threads_),
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
  Place x_{plain_image({batch_, 1, 28, 28})}, y1_{blocked_image({batch_, 20, 24, 24})}, dy1_{y1_.desc},
      p1_{blocked_image({batch_, 20, 12, 12})}, dp1_{p1_.desc}, y2_{blocked_image({batch_, 50, 8, 8})},
      dy2_{y2_.desc}, p2_{matrix(batch_, 800)}, dp2_{p2_.desc};
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
